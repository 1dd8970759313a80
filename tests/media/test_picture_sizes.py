"""Pictures of several sizes in one file: those of other sizes are fitted into the largest, their shape kept."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.fitted_picture import fitted_picture
from slomo_batch.media.picture_sizes import picture_sizes
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import Scan
from tests.clips.film import Film, joined, made, picture
from tests.media.sources import Opened, pictures_of

BARE = {"g": "12", "bf": "0", "preset": "ultrafast", "x264-params": "scenecut=0:threads=1"}
H264 = Film(suffix=".ts", options=BARE)
KINDS = {
    "h264": H264,
    "hevc": Film(suffix=".ts", codec="libx265", options={"x265-params": "log-level=none:keyint=12:pools=none"}),
    "mpeg2": Film(suffix=".ts", codec="mpeg2video", options={"g": "12", "bf": "0"}),
    "vp8": Film(suffix=".mkv", codec="libvpx", options={"g": "12", "deadline": "realtime"}),
    "vp9": Film(suffix=".mkv", codec="libvpx-vp9", options={"g": "12", "deadline": "realtime", "cpu-used": "8"}),
}
SMALL, LARGE, TURNED = (64, 48), (128, 96), (48, 64)
EARLY, LATE = 14, 70


def of_sizes(film: Film, *parts: tuple[tuple[int, int], int]) -> bytes:
    """The film with so many pictures of each size, one part after the other."""
    first, second, *more = (replace(film, size=size, num_frames=num) for size, num in parts)
    return joined(first, second, *more)


def shown(source: Opened, folder: Path) -> list[Picture]:
    """All pictures of the source, as a worker gets them."""
    slices = source.slices([0, source.probe.timeline.num_frames])
    (chunk,) = source.split(slices, folder, lane="decode")
    return pictures_of(chunk.path)


@pytest.mark.parametrize("num_before", [EARLY, LATE])
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_size_is_found_wherever_it_begins(kind: str, num_before: int, tmp_path: Path) -> None:
    source = Opened.of(kind, of_sizes(KINDS[kind], (SMALL, num_before), (LARGE, 14)))
    facts = source.probe.facts
    assert (facts.width, facts.height, facts.fitted_sizes, facts.lane) == (*LARGE, ("64x48",), "decode")
    assert any("pictures of the size 64x48 are scaled to fit 128x96" in note for note in facts.oddities)
    pictures = shown(source, tmp_path)
    assert {(one.width, one.height) for one in pictures} == {LARGE}
    assert len(pictures) == num_before + 14


def test_the_first_of_two_equally_large_sizes_is_kept_and_the_other_is_centered(tmp_path: Path) -> None:
    source = Opened.of("turned", of_sizes(H264, (SMALL, 13), (TURNED, 13), (SMALL, 13)))
    assert (source.probe.facts.width, source.probe.facts.height) == SMALL
    upright = shown(source, tmp_path)[20]
    luma, blue, _ = upright.planes
    assert set(luma[:, :14].flat) == set(luma[:, 50:].flat) == {16}
    assert set(blue[:, :7].flat) == {128}
    assert luma[:, 14:50].std() > 10


def test_a_joined_file_has_the_largest_size_of_its_parts(tmp_path: Path) -> None:
    data = made(replace(H264, num_frames=60)) + made(replace(H264, size=LARGE, num_frames=24))
    source = Opened.of("joined", data)
    assert (source.probe.facts.width, source.probe.facts.fitted_sizes) == (LARGE[0], ("64x48",))
    assert len(shown(source, tmp_path)) == 84


def test_interlaced_pictures_that_change_in_size_are_refused() -> None:
    with pytest.raises(SourceUnsupported, match="interlaced pictures changes midway, expected 64x48, got 128x96"):
        picture_sizes([SMALL, LARGE], Scan(field_order="tff", frames_per_picture=2, flags="tff"), "fields")


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p", "gray", "gbrp", "yuva420p"])
@pytest.mark.parametrize("size", [(64, 48), (48, 64), (31, 17), (200, 10), (130, 96)])
def test_the_shape_is_kept_and_the_rest_is_black(name: str, size: tuple[int, int]) -> None:
    form = PIXEL_FORMATS[name]
    white = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 255, np.uint8), format="rgb24")
    fitted = fitted_picture(white.reformat(format=name), form, LARGE, is_full_range=form.model == "rgb")
    light = np.argwhere(fitted.luma > form.max_value // 2)
    (top, left), (bottom, right) = light.min(axis=0), light.max(axis=0) + 1
    assert (right - left == LARGE[0]) or (bottom - top == LARGE[1])
    assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=0.25 if 10 in size else 0.06)
    assert abs(left - (LARGE[0] - right)) <= 2
    assert abs(top - (LARGE[1] - bottom)) <= 2


def test_a_picture_of_the_right_size_is_not_changed() -> None:
    frame = picture(3, LARGE, "yuv420p")
    kept = fitted_picture(frame, PIXEL_FORMATS["yuv420p"], LARGE, is_full_range=False)
    assert np.array_equal(kept.luma, frame.to_ndarray()[: LARGE[1]])
