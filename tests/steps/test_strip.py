"""The strip of a chunk: the pair most worth a look, in few bytes and in its own colors."""

import io
from collections.abc import Sequence

import av
import numpy as np
import pytest

from slomo_batch.media.jpeg import jpeg_of_at_most, thumbnail
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.commits import FrameKind
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.steps.frame_maker import OutputFrame
from slomo_batch.steps.strip import HEIGHT_PX, MAX_BYTES, Strip, StripPicker

COLOR = ColorFacts(range="limited", matrix="bt709")


def flat(luma: int, cb: int = 128, cr: int = 128, *, width: int = 320, height: int = 180) -> Picture:
    planes = (
        np.full((height, width), luma, np.uint8),
        *(np.full((height // 2, width // 2), level, np.uint8) for level in (cb, cr)),
    )
    return Picture(format=PIXEL_FORMATS["yuv420p"], planes=planes)


def shown(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with av.open(io.BytesIO(jpeg), "r") as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"))


def picked(pairs: Sequence[tuple[int | None, Sequence[int]]]) -> Strip | None:
    """The strip of pairs, each with its doubt and the luma of its frames, of which the first is a source frame."""
    picker = StripPicker(COLOR)
    for pair, (doubt, levels) in enumerate(pairs):
        for place, level in enumerate(levels):
            kind: FrameKind = "made" if place else "source"
            picker.add(OutputFrame(picture=flat(level), pair=pair, kind=kind, hash="", doubt=doubt if place else None))
    return picker.strip()


def levels(strip: Strip | None) -> list[int]:
    """The luma of the frames in a strip."""
    assert strip is not None
    picture = shown(strip.jpeg)
    middles = picture[HEIGHT_PX // 2, np.arange(107, picture.shape[1], 213), 1].astype(float)
    return [round(16 + level / 255 * 219) for level in middles]


def test_the_pair_that_is_doubted_most_is_shown_with_the_frame_after_it() -> None:
    strip = picked([(1, [20, 30, 40, 50]), (7, [60, 70, 80, 90]), (2, [100, 200, 210, 220]), (None, [230])])
    assert strip is not None
    assert (strip.frame, strip.doubt) == (6, 7)
    assert levels(strip) == pytest.approx([60, 80, 100], abs=2)


def test_of_pairs_without_doubt_that_with_the_largest_difference_is_shown() -> None:
    strip = picked([(None, [20, 25]), (None, [30, 90]), (None, [150, 152]), (None, [154])])
    assert strip is not None
    assert (strip.frame, strip.doubt) == (3, -1)
    assert levels(strip) == pytest.approx([30, 90, 150], abs=2)


def test_the_last_pair_has_no_frame_after_it() -> None:
    strip = picked([(0, [20, 21]), (9, [60, 70, 80, 90])])
    assert strip is not None
    assert strip.frame == 4
    assert levels(strip) == pytest.approx([60, 80], abs=2)


def test_a_chunk_without_made_frames_has_no_strip() -> None:
    assert picked([(None, [20]), (None, [30]), (None, [40])]) is None


def test_a_picture_keeps_its_colors_by_its_own_matrix() -> None:
    """BT.709 limited: Y 63, Cb 102, Cr 240 is red."""
    red = thumbnail(flat(63, 102, 240), COLOR, height=HEIGHT_PX)
    assert red.shape == (HEIGHT_PX, 213, 3)
    assert np.abs(red[60, 100].astype(int) - (255, 0, 0)).max() <= 3
    other = thumbnail(flat(63, 102, 240), ColorFacts(range="full", matrix="bt470bg"), height=HEIGHT_PX)
    assert np.abs(other[60, 100].astype(int) - red[60, 100]).max() > 20


def test_a_strip_of_noise_fits_into_its_bytes() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT_PX, 640, 3), np.uint8)
    data = jpeg_of_at_most(noise, MAX_BYTES)
    assert len(data) <= MAX_BYTES
    assert shown(data).shape == (HEIGHT_PX // 2, 320, 3)
