"""Cuts and repeats, on real clips with cuts checked by eye, and on synthetic ones that show one effect each."""

from collections.abc import Sequence
from functools import partial
from operator import gt
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.interpolators import cut_detection
from slomo_batch.interpolators.cut_detection import PairKind, classify_pair, pair_kinds
from slomo_batch.picture import PIXEL_FORMATS, Picture
from tests.interpolators.footage import DEMO_CLIP, gray, pictures, real_clip, texture


def kinds(clip: Sequence[Picture]) -> list[PairKind]:
    """Return the kind of each pair of a video."""
    return list(pair_kinds(clip))


def pairs_of(clip: Sequence[Picture], kind: PairKind) -> list[int]:
    return [pair for pair, found in enumerate(kinds(clip)) if found is kind]


@pytest.mark.parametrize(
    ("path", "cuts"),
    [
        (real_clip("bikes"), [29, 75, 136, 186, 241]),
        (real_clip("bigbuckbunny"), []),
        (real_clip("carphone_pristine"), []),
        (DEMO_CLIP, [29]),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else None,
)
def test_the_cuts_of_real_clips_are_found_and_nothing_else(path: Path, cuts: list[int]) -> None:
    assert pairs_of(pictures(path), PairKind.CUT) == cuts


def scene(seed: int, height: int = 120, width: int = 300) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    levels: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = texture(height, width, seed=seed)[0].double().numpy()
    return levels * 255


def pan(seed: int, *, num: int, step: int) -> list[Picture]:
    return [gray(scene(seed)[:, number * step : number * step + 160]) for number in range(num)]


def test_a_cut_between_two_pans_is_a_cut() -> None:
    assert pairs_of([*pan(1, num=5, step=4), *pan(2, num=5, step=4)], PairKind.CUT) == [4]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_cut_between_black_bars_is_a_cut(axis: int) -> None:
    """Bars are a third of the picture: old film in a wide frame, or wide film in an old one."""
    clip = [*pan(1, num=5, step=2), *pan(2, num=5, step=2)]
    bar = clip[0].luma.shape[axis] // 6
    barred = []
    for picture in clip:
        levels = picture.luma.astype(float) / 2 + 60  # without strong contrasts
        np.moveaxis(levels, axis, 0)[:bar] = 16
        np.moveaxis(levels, axis, 0)[-bar:] = 16
        barred.append(gray(levels))
    assert pairs_of(barred, PairKind.CUT) == [4]


def test_a_cut_from_black_is_a_cut_and_a_fade_from_black_is_none() -> None:
    black = [gray(np.full((120, 160), 16.0))] * 3
    shot = pan(1, num=6, step=3)
    assert pairs_of([*black, *shot], PairKind.CUT) == [2]
    assert pairs_of([*shot, *black], PairKind.CUT) == [5]
    for length in (4, 12, 24):
        fading = [gray(16 + (scene(1)[:, :160] - 16) * n / length) for n in range(1, length + 1)]
        assert pairs_of([*black, *fading], PairKind.CUT) == []
        assert pairs_of([*fading[::-1], *black], PairKind.CUT) == []


def test_a_small_bright_motion_in_the_dark_is_no_cut() -> None:
    """A ball of fire: what is not black is not taken for a picture between bars."""
    y, x = np.mgrid[:120, :160]
    clip = [gray(16 + 220.0 * (np.hypot(y - 60, x - 40 - 12 * n) < 6 + 2 * n)) for n in range(8)]
    assert pairs_of(clip, PairKind.CUT) == []


def test_a_cut_is_seen_with_no_frame_beside_it() -> None:
    assert kinds([gray(scene(1)), gray(scene(2))]) == [PairKind.CUT]


@pytest.mark.parametrize("step", [1, 3, 8, 14])
def test_a_pan_is_neither_cut_nor_repeat(step: int) -> None:
    assert set(kinds(pan(1, num=9, step=step))) == {PairKind.MOVING}


def test_a_slow_pan_of_a_tenth_of_a_pixel_is_no_repeat() -> None:
    wide = scene(1)
    clip = [gray(wide[:, :160] * (1 - n / 10) + wide[:, 1:161] * (n / 10)) for n in range(8)]
    assert set(kinds(clip)) == {PairKind.MOVING}


def test_a_fade_from_black_is_neither_cut_nor_repeat() -> None:
    clip = [gray(scene(1)[:, :160] * n / 12) for n in range(1, 13)]
    assert set(kinds(clip)) == {PairKind.MOVING}


def test_a_dissolve_is_no_cut() -> None:
    clip = [gray(scene(1) * (1 - n / 8) + scene(2) * n / 8) for n in range(9)]
    assert pairs_of(clip, PairKind.CUT) == []


def test_a_flash_is_no_cut() -> None:
    clip = pan(1, num=9, step=3)
    clip[4] = gray(clip[4].luma.astype(float) * 0.5 + 140)
    assert pairs_of(clip, PairKind.CUT) == []


def test_a_flash_to_white_is_no_cut() -> None:
    clip = pan(1, num=9, step=3)
    clip[4] = gray(np.full((120, 160), 250.0))
    assert pairs_of(clip, PairKind.CUT) == []


def test_a_hard_cut_from_black_is_a_cut() -> None:
    assert pairs_of([*[gray(np.full((120, 160), 16.0))] * 3, *pan(1, num=4, step=3)], PairKind.CUT) == [2]


def test_equal_pictures_are_a_repeat_whatever_is_beside_them() -> None:
    still = gray(scene(1))
    assert kinds([still, gray(scene(1)), still]) == [PairKind.REPEAT] * 2


def test_a_change_of_color_alone_is_no_repeat() -> None:
    form, luma = PIXEL_FORMATS["yuv420p"], np.full((8, 8), 90, np.uint8)
    chroma = np.full((4, 4), 128, np.uint8)
    one = Picture(format=form, planes=(luma, chroma, chroma))
    other = Picture(format=form, planes=(luma, chroma, chroma + np.uint8(4)))
    assert kinds([one, other]) == [PairKind.MOVING]


def test_a_small_thing_that_moves_is_no_repeat() -> None:
    def at(x: int) -> Picture:
        levels = scene(1)[:, :160].copy()
        levels[50:54, x : x + 4] = 255
        return gray(levels)

    assert set(kinds([at(20 + 3 * n) for n in range(6)])) == {PairKind.MOVING}


def test_repeats_with_the_noise_of_coding_are_found_between_frames_that_move() -> None:
    numbers = np.random.default_rng(0)
    clip = [
        gray(picture.luma + numbers.normal(0, 0.8, picture.luma.shape))
        for picture in pan(1, num=6, step=4)
        for _ in range(2)
    ]
    assert pairs_of(clip, PairKind.REPEAT) == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("name", ["gray10le", "yuv420p16le", "gbrp"])
def test_kinds_do_not_depend_on_the_format(name: str) -> None:
    clip = [*pan(1, num=3, step=4), *pan(2, num=1, step=4), *pan(2, num=3, step=4)]
    deep = [_in_format(picture, name) for picture in clip]
    assert kinds(deep) == kinds(clip)
    assert kinds(clip)[2:4] == [PairKind.CUT, PairKind.REPEAT]


def _in_format(picture: Picture, name: str) -> Picture:
    form = PIXEL_FORMATS[name]
    kind = np.uint8 if form.bit_depth == 8 else np.uint16
    luma = np.left_shift(picture.luma, form.bit_depth - 8, dtype=kind)
    shapes = [form.plane_shape(plane, picture.width, picture.height) for plane in range(1, form.num_planes)]
    return Picture(format=form, planes=(luma, *(np.full(shape, 1 << (form.bit_depth - 1), kind) for shape in shapes)))


@pytest.mark.parametrize("moved_px", [0, 1, 3, 9])
def test_a_search_that_ends_early_decides_as_the_whole_one(moved_px: int) -> None:
    still, noise = (scene(seed, height=36, width=80).astype(np.float32) for seed in (1, 2))
    first, second = still[:, :64], (still + noise / np.float32(8))[:, moved_px : moved_px + 64]
    bounds: list[float] = []

    def never(bound: float) -> bool:
        bounds.append(bound)
        return False

    whole = cut_detection._residual(first, second, is_enough=never)
    assert len(bounds) == 17
    assert bounds == sorted(bounds, reverse=True)
    for limit in np.linspace(0, 1.2, 25):
        early = cut_detection._residual(first, second, is_enough=partial(gt, limit))
        assert (early < limit) == (whole < limit)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 70), (90, 2), (2161, 31)])
def test_odd_sizes_are_classified(height: int, width: int) -> None:
    dark, light = gray(np.full((height, width), 20.0)), gray(np.full((height, width), 220.0))
    assert kinds([dark, dark])[0] is PairKind.REPEAT
    assert kinds([dark, light])[0] is not PairKind.REPEAT


def test_a_window_without_its_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not contain the pair"):
        classify_pair([None, gray(scene(1)), None, None])
