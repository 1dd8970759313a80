"""The ladder protocol: which frames are kept, which are predicted, and their context."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb, downscale_to_width, eval_pairs, select_frames


def numbered(num: int) -> Iterator[Rgb]:
    """Frames that show their number."""
    for number in range(num):
        yield np.full((1, 1, 3), number, np.uint8)


def number_of(frame: Rgb | None) -> int | None:
    return None if frame is None else int(frame[0, 0, 0])


def frame_numbers(pair: EvalPair) -> tuple[list[int | None], list[int | None]]:
    return [number_of(frame) for frame in pair.window], [number_of(frame) for frame in pair.truths]


def test_at_2x_every_second_frame_is_predicted_but_for_the_ends() -> None:
    found = list(eval_pairs(numbered(17), factor=2, context=0))
    assert [frame_numbers(pair) for pair in found] == [([k, k + 2], [k + 1]) for k in (2, 4, 6, 8, 10, 12)]
    assert {pair.times for pair in found} == {(Fraction(1, 2),)}
    assert [pair.first for pair in found] == [3, 5, 7, 9, 11, 13]


def test_at_4x_three_of_four_are_predicted() -> None:
    first, second = eval_pairs(numbered(17), factor=4, context=1)
    assert frame_numbers(first) == ([0, 4, 8, 12], [5, 6, 7])
    assert frame_numbers(second) == ([4, 8, 12, 16], [9, 10, 11])
    assert first.times == (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))


@pytest.mark.parametrize("factor", [2, 3, 8])
@pytest.mark.parametrize("context", [0, 1, 3])
@pytest.mark.parametrize("num", range(40))
def test_context_and_length_change_nothing_of_what_is_predicted(num: int, context: int, factor: int) -> None:
    kept = range(factor, num - 2 * factor, factor)
    found = list(eval_pairs(numbered(num), factor=factor, context=context))
    assert [pair.first for pair in found] == [first + 1 for first in kept]
    for pair, first in zip(found, kept, strict=True):
        window, truths = frame_numbers(pair)
        numbers = [first + factor * place for place in range(-context, 2 + context)]
        assert window == [number if 0 <= number < num else None for number in numbers]
        assert truths == list(range(first + 1, first + factor))
        assert [number_of(frame) for frame in pair.pair] == [first, first + factor]
        assert frame_numbers(pair)[0][context : context + 2] == [number_of(frame) for frame in pair.window_for(0)]
        assert len(pair.window_for(context)) == 2 + 2 * context


def test_a_clip_is_read_no_further_than_wanted_and_not_held_whole() -> None:
    frames = numbered(250)
    assert [number_of(frame) for frame in select_frames(frames, skip=20, num=3, max_width=None)] == [20, 21, 22]
    assert number_of(next(frames)) == 23
    last = next(iter(select_frames(numbered(8), skip=7, num=None, max_width=1)))
    assert number_of(last) == 7


def test_wide_pictures_become_means_over_whole_blocks() -> None:
    frame = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert downscale_to_width(frame, 7) is frame
    small = downscale_to_width(frame, 4)
    assert small.shape == (2, 3, 3)
    assert small[0, 0, 0] == round((0 + 3 + 21 + 24) / 4)
    assert downscale_to_width(frame, 3).shape == (1, 2, 3)
