"""mci: frames at exact times, and no state between pairs."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.contract import WindowInterpolator, context_of, make_frames
from slomo_batch.interpolators.mci import Mci, _even_runs
from tests.interpolators.footage import texture, window_on

SCENE = texture(160, 320)


def pan(px: int) -> Tensor:
    return window_on(SCENE, 60 + px, 20, 192, 112)


def interpolated(window: Sequence[Tensor | None], *times: Fraction) -> list[Tensor]:
    frames = list(make_frames(Mci(), window, times))
    return [frame for frame in frames if isinstance(frame, Tensor)]


def pan_at(frame: Tensor, candidates: Sequence[int]) -> int:
    """Which position of the pan the frame shows."""
    inside = (slice(None), slice(16, -16), slice(32, -32))
    return min(candidates, key=lambda px: float((frame - pan(px))[inside].abs().mean()))


WINDOW = [pan(-8), pan(0), pan(8), pan(16)]
"""A motion that the filter's search finds exactly; not every one is."""


@pytest.mark.parametrize(
    "times",
    [
        [Fraction(k, 8) for k in range(1, 8)],
        [Fraction(1, 8)],
        [Fraction(7, 8)],
        [Fraction(3, 8), Fraction(7, 8)],
        [Fraction(1, 2), Fraction(5, 8), Fraction(3, 4), Fraction(7, 8)],
        [Fraction(1, 8), Fraction(1, 4), Fraction(7, 8)],
        [Fraction(3, 4), Fraction(1, 4)],
    ],
    ids=str,
)
def test_frames_show_the_very_times_asked_for(times: list[Fraction]) -> None:
    shown = [pan_at(frame, range(-3, 12)) for frame in interpolated(WINDOW, *times)]
    assert shown == [8 * time for time in times]


def test_times_of_an_odd_clock_are_told_apart() -> None:
    times = [Fraction(1001 * k, 24000) for k in range(1, 24)]
    shown = [pan_at(frame, range(-3, 12)) for frame in interpolated(WINDOW, *times)]
    assert shown == pytest.approx([float(8 * time) for time in times], abs=1)


def test_an_even_clock_is_one_run_of_the_filter_and_others_are_one_each() -> None:
    thirds = [Fraction(1, 3), Fraction(2, 3)]
    assert list(_even_runs(thirds)) == [(Fraction(1, 3), Fraction(1, 3), 2)]
    assert list(_even_runs([Fraction(1, 6), Fraction(2, 3)])) == [(Fraction(1, 6), Fraction(1, 2), 2)]
    uneven = [Fraction(1, 6), Fraction(1, 2), Fraction(2, 3)]
    assert list(_even_runs(uneven)) == [(time, Fraction(1), 1) for time in uneven]
    assert list(_even_runs([Fraction(2, 3), Fraction(1, 3)])) == [(time, Fraction(1), 1) for time in reversed(thirds)]


def test_the_frames_beside_the_pair_are_seen_and_those_missing_are_done_without() -> None:
    assert context_of(Mci()) == 1
    assert isinstance(Mci(), WindowInterpolator)
    i0, i1 = texture(96, 128), texture(96, 128, seed=1)
    (seen,) = interpolated([texture(96, 128, seed=2), i0, i1, texture(96, 128, seed=3)], Fraction(1, 2))
    (unseen,) = interpolated([None, i0, i1, None], Fraction(1, 2))
    (repeated,) = interpolated([i0, i0, i1, i1], Fraction(1, 2))
    assert not torch.equal(seen, unseen)
    assert torch.equal(unseen, repeated)


def test_a_still_picture_stays_what_it_is_in_8_bits_with_its_headroom() -> None:
    image = texture(80, 96) * 1.3 - 0.15
    gray = image[:1].expand(3, -1, -1).contiguous()
    for frame in interpolated([gray] * 4, Fraction(1, 3), Fraction(2, 3)):
        assert (frame - gray.clamp(-16 / 219, 239 / 219)).abs().max() <= 0.51 / 219


def test_a_window_without_its_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="does not contain the pair"):
        list(make_frames(Mci(), [None, None, pan(0), None], [Fraction(1, 2)]))
