"""RangeReader reads like a file, fetches little more than the file's size, and loses no error inside FFmpeg."""

import io
from pathlib import Path

import av.error
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.errors import (
    AccessRefused,
    ObjectChanged,
    ObjectMissing,
    SlomoError,
    SourceChanged,
    SourceUnreadable,
    StorageBusy,
    VideoError,
)
from slomo_batch.media import scan_samples
from slomo_batch.media.av_errors import AV_ERRORS, reading, to_video_error
from slomo_batch.media.demux import demux_packets, open_source
from slomo_batch.media.probe import probe
from slomo_batch.media.reader import RangeReader
from tests.clips.catalogue import clip
from tests.clips.noise import NOISY_FRAMES, noisy
from tests.media.sources import Opened, reader_of

LIBRARY_ERRORS = {
    kind
    for kind in vars(av.error).values()
    if isinstance(kind, type) and issubclass(kind, av.error.FFmpegError) and kind is not av.error.FFmpegError
}
MOVES = st.lists(st.tuples(st.sampled_from(["read", 0, 1, 2]), st.integers(0, 200)), max_size=30)


@given(moves=MOVES)
def test_it_reads_like_a_file_over_the_same_bytes(moves: list[tuple[str | int, int]]) -> None:
    data = bytes(range(150))
    reader = RangeReader(lambda start, end: data[start:end], len(data), block_bytes=7, num_blocks=3)
    file = io.BytesIO(data)
    for move, number in moves:
        if isinstance(move, str):
            assert reader.read(number) == file.read(number)
        else:
            offset = -min(number, 150) if move == 2 else number
            assert reader.seek(offset, move) == file.seek(offset, move)
        assert reader.tell() == file.tell()


def test_the_least_recently_used_block_is_dropped() -> None:
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return bytes(end - start)

    reader = RangeReader(fetch, 35, block_bytes=10, num_blocks=2)
    for start in (0, 5, 10, 2, 30, 12, 3):
        reader.seek(start)
        reader.read(3)
    assert asked == [(0, 10), (10, 20), (30, 35), (10, 20), (0, 10)]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (ObjectChanged("another object"), SourceChanged),
        (ObjectMissing("gone"), SourceUnreadable),
        (AccessRefused("no"), SourceUnreadable),
        (StorageBusy("later"), StorageBusy),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
@pytest.mark.parametrize("good_reads", [0, 1, 3, 6])
@pytest.mark.parametrize("name", ["cfr", "mkv_23976", "mpegts"])
def test_a_storage_error_passes_through_ffmpeg_unchanged(
    failure: BaseException, outcome: type[BaseException], good_reads: int, name: str
) -> None:
    data, num_reads = clip(name).data, 0

    def fetch(start: int, end: int) -> bytes:
        nonlocal num_reads
        num_reads += 1
        if num_reads > good_reads:
            raise failure
        return data[start:end]

    with pytest.raises(outcome):
        probe(RangeReader(fetch, len(data), block_bytes=600), name)


def test_an_object_that_became_shorter_is_a_changed_source() -> None:
    data = clip("cfr").data
    with pytest.raises(SourceChanged, match="incomplete read"):
        probe(RangeReader(lambda start, end: data[start : end - 1], len(data)), "short")


def test_a_storage_error_wins_over_the_ffmpeg_error_it_causes() -> None:
    reader = reader_of(b"x" * 100)
    reader.failure = StorageBusy("later")
    with pytest.raises(StorageBusy), reading(reader, "file"):
        raise SourceUnreadable("no video in it")


@pytest.mark.parametrize("kind", sorted(LIBRARY_ERRORS, key=str))
def test_every_pyav_exception_is_mapped(kind: type[Exception]) -> None:
    ours = to_video_error(kind(1, "what FFmpeg says"), "file.mp4")
    assert isinstance(ours, VideoError)
    assert "file.mp4" in str(ours)
    assert "what FFmpeg says" in str(ours)


@pytest.mark.parametrize("kind", [av.error.InvalidDataError, av.error.EOFError, av.error.DecoderNotFoundError])
def test_the_error_of_a_file_says_what_to_do(kind: type[Exception]) -> None:
    ours = to_video_error(kind(1, "what FFmpeg says"), "file.mp4")
    assert ours is not None
    assert any(words in ours.remedy.lower() for words in ("copy it again", "convert it"))


def test_a_bug_is_not_reported_as_a_bad_file() -> None:
    assert to_video_error(ZeroDivisionError(), "file.mp4") is None
    assert not any(issubclass(SlomoError, kind) for kind in AV_ERRORS)


CONTAINERS = {
    "mp4": (".mp4", ""),
    "moov first": (".mp4", "faststart"),
    "fragmented": (".mp4", "frag_keyframe+empty_moov"),
    "mkv": (".mkv", ""),
    "ts": (".ts", ""),
    "avi": (".avi", ""),
}


@pytest.mark.parametrize("kind", sorted(CONTAINERS))
def test_a_pass_over_a_file_fetches_little_more_than_its_size(kind: str) -> None:
    data = noisy(*CONTAINERS[kind])
    reader = reader_of(data)
    with reading(reader, kind), open_source(reader) as container:
        num_packets = sum(1 for _ in demux_packets(container, list(container.streams)))
    assert num_packets > 90
    assert reader.bytes_fetched <= 1.1 * len(data)


@pytest.mark.parametrize("kind", sorted(CONTAINERS))
def test_probing_and_splitting_each_fetch_little_more_than_the_size(kind: str, tmp_path: Path) -> None:
    data = noisy(*CONTAINERS[kind])
    prober, splitter = reader_of(data), reader_of(data)
    opened = Opened(kind, data, probe(prober, kind))
    for part in opened.split(opened.slices([0, 20, 40, NOISY_FRAMES]), tmp_path, audio=True, reader=splitter):
        part.path.unlink()
    assert prober.bytes_fetched <= 1.1 * len(data)
    assert splitter.bytes_fetched <= 1.1 * len(data)


@pytest.mark.parametrize("kind", ["mp4", "moov first"])
def test_indexing_an_mp4_reads_no_payload(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except for its first pictures, and some in the middle and near the end: here one each, in place of a few MiB."""
    monkeypatch.setattr(scan_samples, "WINDOW_BYTES", 1)
    data = noisy(*CONTAINERS[kind])
    reader = reader_of(data)
    probe(reader, kind)
    assert reader.bytes_fetched < 0.7 * len(data)
