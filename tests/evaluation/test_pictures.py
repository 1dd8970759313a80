"""Reading pictures of data sets, and cropping or downscaling them to a benchmark's view."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from slomo_batch.errors import SourceUnreadable
from slomo_batch.evaluation.image_files import read_gray, read_rgb
from slomo_batch.evaluation.pictures import apply_view, downscale_2x
from tests.evaluation.synthetic_datasets import put
from tests.evaluation.test_measures import noise, ramp


def test_png_is_read_unchanged(tmp_path: Path) -> None:
    """FFmpeg would take this name for an image sequence."""
    stored = noise(1, 33, 47)
    put(tmp_path / "take %03d" / "im1.png", stored)
    assert np.array_equal(read_rgb(tmp_path / "take %03d" / "im1.png"), stored)


def test_masks_keep_their_levels(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    put(tmp_path / "mask.png", levels)
    assert np.array_equal(read_gray(tmp_path / "mask.png"), levels)
    assert np.array_equal(read_rgb(tmp_path / "mask.png"), np.repeat(levels[..., None], 3, axis=2))
    put(tmp_path / "rgb.png", np.repeat(np.where(levels < 128, 0, 255)[..., None], 3, axis=2).astype(np.uint8))
    assert np.array_equal(read_gray(tmp_path / "rgb.png"), np.where(levels < 128, 0, 255))


def test_files_that_are_not_pictures_are_rejected_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    put(tmp_path / "cut.png", ramp(64, 64))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:40])
    for name in ("text.png", "empty.png", "cut.png", "nowhere.png"):
        with pytest.raises(SourceUnreadable, match=name):
            read_rgb(tmp_path / name)


@pytest.mark.parametrize("seed", range(3))
def test_half_size_equals_opencv(seed: int) -> None:
    picture = noise(seed, 36, 50)
    assert np.array_equal(downscale_2x(picture), cv2.resize(picture, (25, 18), interpolation=cv2.INTER_AREA))


def test_only_even_sides_can_be_halved() -> None:
    with pytest.raises(ValueError, match="must be even"):
        downscale_2x(ramp(35, 50))


def test_the_center_view_is_half_the_picture_each_way() -> None:
    picture = ramp(16, 24)
    assert np.array_equal(apply_view(picture, "center"), picture[4:12, 6:18])
    assert apply_view(picture, "whole") is picture
