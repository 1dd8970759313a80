"""Windows of videos: which are usable, and that decoding returns the right frames."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.errors import ManifestError, SourceUnreadable, SourceUnsupported
from slomo_batch.media.rgb import rgb_frames
from slomo_batch.records.requests import Source
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.training.prepare import WINDOW_FRAMES
from slomo_batch.training.videos import (
    ConcatWindows,
    IndexedVideo,
    VideoWindows,
    index_video,
    index_videos,
    open_reader,
    usable_runs,
)
from slomo_batch.uri import Uri
from slomo_batch.wiring import locate
from tests.interpolators.footage import DEMO_CLIP, texture, window_on
from tests.training.footage import eight_bits

LOCATE = partial(locate, s3=S3Options())
Rgb = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def pan(num: int, *, seed: int = 0, size: tuple[int, int] = (96, 64)) -> list[Rgb]:
    scene = texture(size[1], size[0] + 3 * num, seed=seed)
    return [eight_bits(window_on(scene, 3 * number, 0, *size)) for number in range(num)]


def written(path: Path, frames: Sequence[Rgb], *, gop: int = 12) -> Source:
    """A video of these frames, with B-frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 30, {"preset": "medium", "crf": "12", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        stream.codec_context.gop_size = gop
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return source_of(path)


def source_of(path: Path) -> Source:
    store, key = LOCATE(Uri(path))
    info = store.head(key)
    return Source(uri=Uri(path), size_bytes=info.size_bytes, fingerprint=info.fingerprint)


def whole(source: Source) -> list[Rgb]:
    return list(rgb_frames(open_reader(source, LOCATE), source.uri))


def test_every_window_holds_the_frames_that_a_pass_over_the_video_gives(tmp_path: Path) -> None:
    source = written(tmp_path / "pan.mp4", pan(40))
    film = index_video(source, LOCATE)
    assert film.runs == ((0, 40),)
    windows, frames = VideoWindows([film], LOCATE), whole(source)
    assert len(windows) == 40 - WINDOW_FRAMES + 1
    for number in (0, 1, 11, 12, 20, 31):
        assert np.array_equal(windows[number], np.stack(frames[number : number + WINDOW_FRAMES]))


def test_cuts_and_repeats_are_in_no_window(tmp_path: Path) -> None:
    first, second = pan(14), pan(15, seed=5)
    repeated = [*second[:12], second[11], *pan(12, seed=6)]
    source = written(tmp_path / "cut.mp4", [*first, *repeated])
    assert index_video(source, LOCATE).runs == ((0, 14), (14, 26), (27, 39))


def test_frames_that_are_not_evenly_timed_are_in_no_window() -> None:
    even = [10 * number for number in range(12)]
    gap = [*even, *(time + 150 for time in even)]
    assert list(usable_runs(even, [True] * 11)) == [(0, 12)]
    assert list(usable_runs(gap, [True] * 23)) == [(0, 12), (12, 24)]
    rounded = [round(number * 1000 / 240) for number in range(20)]
    assert list(usable_runs(rounded, [True] * 19)) == [(0, 20)], "a container that counts milliseconds"
    assert list(usable_runs(even, [True] * 5 + [False] + [True] * 5)) == []


def test_the_last_and_the_first_window_of_each_run_lie_within_it() -> None:
    film = IndexedVideo(
        source=Source(uri=Uri("/a"), size_bytes=1, fingerprint="b"),
        width=64, height=64, pts=tuple(range(60)), runs=((0, 10), (20, 40)),
    )  # fmt: skip
    assert list(film.first_frames()) == [0, 1, *range(20, 32)]
    assert list(film.first_frames(5)) == [0, 20, 25, 30]


def test_windows_are_counted_through_all_videos_and_kinds(tmp_path: Path) -> None:
    sources = [written(tmp_path / f"{seed}.mp4", pan(12 + seed, seed=seed)) for seed in range(2)]
    films = [index_video(source, LOCATE) for source in sources]
    windows = VideoWindows(films, LOCATE)
    made = np.zeros((2, WINDOW_FRAMES, 8, 8, 3), np.uint8)
    joined = ConcatWindows(list(made), windows)
    assert len(joined) == 2 + 4 + 5
    assert np.array_equal(joined[1], made[1])
    assert np.array_equal(joined[10], np.stack(whole(sources[1])[4:13]))
    sparse = VideoWindows(films, LOCATE, stride=4)
    assert len(sparse) == 1 + 2
    assert np.array_equal(sparse[2], joined[10])


def test_large_pictures_are_averaged_down(tmp_path: Path) -> None:
    grey = [np.repeat(frame[..., :1], 3, axis=2) for frame in pan(12)]
    film = index_video(written(tmp_path / "pan.mp4", grey), LOCATE)
    small = VideoWindows([film], LOCATE, longest_px=48)[0]
    assert small.shape == (WINDOW_FRAMES, 32, 48, 3)
    large = VideoWindows([film], LOCATE)[0].astype(float)
    means = large.reshape(WINDOW_FRAMES, 32, 2, 48, 2, 3).mean(axis=(2, 4))
    assert np.abs(means - small).mean() < 2


def test_an_index_is_stored_and_a_changed_video_is_indexed_again(tmp_path: Path) -> None:
    path = tmp_path / "pan.mp4"
    read_document: dict[str, bytes] = {}
    logged: list[str] = []

    def found(source: Source) -> list[IndexedVideo]:
        return index_videos(
            [source],
            LOCATE,
            read_document=read_document.get,
            write_document=read_document.__setitem__,
            log=logged.append,
            threads=1,
        )

    source = written(path, pan(12))
    assert found(source) == found(source)
    assert len(logged) == len(read_document) == 1
    assert f"{path}: 4 windows in 12 frames" in logged[0]
    assert found(written(path, pan(14)))[0].runs == ((0, 14),)
    assert len(logged) == 2


def test_all_unusable_videos_are_reported_by_name(tmp_path: Path) -> None:
    short = written(tmp_path / "short.mp4", pan(6))
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 50)
    sources = [short, source_of(tmp_path / "broken.mp4"), written(tmp_path / "good.mp4", pan(12))]
    with pytest.raises(ManifestError) as caught:
        index_videos(
            sources, LOCATE, read_document=lambda _: None, write_document=lambda *_: None, log=lambda _: None, threads=2
        )
    short_fault, broken_fault = caught.value.problems
    assert "short.mp4: no usable window" in short_fault
    assert "broken.mp4" in broken_fault
    with pytest.raises(SourceUnsupported, match=r"short\.mp4"):
        index_video(short, LOCATE)


def test_a_video_whose_frames_are_gone_is_reported_by_name(tmp_path: Path) -> None:
    film = index_video(written(tmp_path / "pan.mp4", pan(12)), LOCATE)
    other = IndexedVideo(
        source=film.source, width=film.width, height=film.height,
        pts=tuple(time + 1 for time in film.pts), runs=film.runs,
    )  # fmt: skip
    with pytest.raises(SourceUnreadable, match=r"pan\.mp4.*are missing now"):
        VideoWindows([other], LOCATE)[0]


@pytest.mark.training
def test_a_real_clip_is_indexed() -> None:
    source = source_of(DEMO_CLIP)
    film = index_video(source, LOCATE)
    windows = VideoWindows([film], LOCATE)
    number = len(windows) // 2
    first = film.first_frames()[number]
    assert np.array_equal(windows[number], np.stack(whole(source)[first : first + WINDOW_FRAMES]))
