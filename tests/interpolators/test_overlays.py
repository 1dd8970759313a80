"""Static overlays are found over a picture that moves, and nothing else is."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from slomo_batch.interpolators.overlays import CONTEXT, static_overlay
from slomo_batch.picture import PIXEL_FORMATS, Picture
from tests.interpolators.footage import texture

HEIGHT, WIDTH, NUM = 96, 160, 2 * CONTEXT + 2
LOGO = np.s_[16:40, 100:140]


def luma() -> NDArray[np.uint8]:
    """A texture that is wider than the picture."""
    levels: NDArray[np.uint8] = (texture(HEIGHT, WIDTH + 3 * NUM)[1].numpy() * 160).astype(np.uint8)
    return levels


def window(step_px: int, *, logo: bool, noise: int = 0, form: str = "yuv420p") -> list[Picture]:
    """Frames of a pan, with a bright logo of bars in it if asked for."""
    wide, random = luma(), np.random.default_rng(1)
    bars = np.where(np.arange(40) // 8 % 2, 235, 40).astype(np.uint8)
    pictures = []
    for number in range(NUM):
        plane = wide[:, step_px * number : step_px * number + WIDTH].copy()
        if logo:
            plane[LOGO] = bars + random.integers(0, noise + 1, (24, 40), dtype=np.uint8)
        pictures.append(picture_of(plane, form))
    return pictures


def picture_of(plane: NDArray[np.uint8], form: str) -> Picture:
    made = PIXEL_FORMATS[form]
    scale = 1 << (made.bit_depth - 8)
    grey = np.full(made.plane_shape(1, WIDTH, HEIGHT), 128, np.uint8)
    if scale == 1:
        return Picture(format=made, planes=(plane, grey, grey))
    wide, wide_grey = (samples.astype(np.uint16) * np.uint16(scale) for samples in (plane, grey))
    return Picture(format=made, planes=(wide, wide_grey, wide_grey))


@pytest.mark.parametrize("form", ["yuv420p", "yuv444p10le", "yuv411p"])
@pytest.mark.parametrize("noise", [0, 8])
def test_a_logo_over_a_pan_is_found(form: str, noise: int) -> None:
    found = static_overlay(window(3, logo=True, noise=noise, form=form))
    assert found is not None
    assert found[LOGO].mean() > 0.99
    assert found.mean() < 0.1, "and little else"


def test_nothing_is_found_where_nothing_or_everything_is_static() -> None:
    assert static_overlay(window(3, logo=False)) is None
    assert static_overlay(window(0, logo=True)) is None


def test_a_logo_that_comes_or_goes_within_the_window_is_no_overlay() -> None:
    frames = [*window(3, logo=False)[:1], *window(3, logo=True)[1:]]
    assert static_overlay(frames) is None


def test_at_the_ends_of_a_video_the_frames_that_exist_decide() -> None:
    frames: Sequence[Picture | None] = [*[None] * CONTEXT, *window(3, logo=True)[CONTEXT:]]
    found = static_overlay(frames)
    assert found is not None
    assert found[LOGO].mean() > 0.99
