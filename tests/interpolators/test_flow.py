"""flow: known motion is interpolated correctly."""

from fractions import Fraction

import cv2
import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.flow import Flow
from tests.interpolators.footage import texture, window_on

SCENE = texture(140, 220)


def pan(px: int) -> Tensor:
    return window_on(SCENE, 20 + px, 20, 160, 96)


def made(flow: Flow, i0: Tensor, i1: Tensor, time: Fraction) -> Tensor:
    (frame,) = flow.between(i0, i1, [time])
    assert isinstance(frame, Tensor)
    return frame


@pytest.mark.parametrize("scale", [Fraction(1), Fraction(1, 2)])
@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_pan_arrives_where_it_should(quarter: int, scale: Fraction) -> None:
    frame = made(Flow(scale), pan(0), pan(8), Fraction(quarter, 4))
    inside = (slice(None), slice(12, -12), slice(16, -16))
    error = (frame - pan(2 * quarter))[inside].abs().mean()
    blended = (pan(0) + (pan(8) - pan(0)) * quarter / 4 - pan(2 * quarter))[inside].abs().mean()
    assert error < 0.01
    assert error < blended / 4


def test_values_beyond_black_and_white_pass() -> None:
    bright = texture(64, 64) * 2 - 0.5
    frame = made(Flow(), bright, bright.clone(), Fraction(1, 2))
    torch.testing.assert_close(frame, bright, rtol=0, atol=1e-4)


def test_other_threads_of_opencv_change_nothing() -> None:
    alone = made(Flow(), pan(0), pan(5), Fraction(1, 3))
    cv2.setNumThreads(4)
    assert torch.equal(made(Flow(), pan(0), pan(5), Fraction(1, 3)), alone)


def test_a_scale_that_is_no_whole_share_is_refused() -> None:
    with pytest.raises(ValueError, match="1 / n"):
        Flow(Fraction(2, 3))
