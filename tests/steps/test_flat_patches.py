"""Made frames do not tint: patches that do not move keep their samples, also those beyond black and white."""

from fractions import Fraction

import numpy as np
import pytest

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import to_rgb
from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from slomo_batch.picture import PIXEL_FORMATS, Picture, Samples
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.steps.pair_pool import PairPool
from tests.color.pictures import typed
from tests.steps.pairs import FRAMES_PER_PAIR, parts_of

SIDE = 32
"""Width and height of a patch, in pixels."""
LEVELS = (1, 16, 40, 81, 128, 180, 235, 254)
"""Samples of 8 bits from almost the least to almost the largest; black is 16 and white is 235 in limited range."""
COLORS = [(level, 128, 128) for level in LEVELS] + [
    *((level, 90, 240) for level in LEVELS),
    *((level, 254 - level, level) for level in LEVELS),
]
METHODS = ("blend", "flow", *shipped_names())


def opened(name: str) -> AnyInterpolator:
    if name in shipped_names():
        return open_interpolator(
            InterpolatorSpec(method="superslomo", weights_path=str(shipped_file(name)), pyramid_levels=3)
        )
    return open_interpolator(InterpolatorSpec(method=name))


def patches(pixel_format: str, number: int) -> Picture:
    """Rows of flat patches, and below them a square of noise that moves by 6 pixels a frame."""
    form = PIXEL_FORMATS[pixel_format]
    width, rows = 8 * SIDE, len(COLORS) // 8 * SIDE
    noise = np.random.default_rng(1).integers(40, 200, (SIDE, SIDE))
    planes: list[Samples] = []
    for plane in range(3):
        samples = np.full((rows + 2 * SIDE, width), 128)
        for place, color in enumerate(COLORS):
            y, x = place // 8 * SIDE, place % 8 * SIDE
            samples[y : y + SIDE, x : x + SIDE] = color[plane]
        left = SIDE + 6 * number
        samples[rows + 16 : rows + 16 + SIDE, left : left + SIDE] = noise
        shape = form.plane_shape(plane, width, rows + 2 * SIDE)
        smaller = samples[:: samples.shape[0] // shape[0], :: samples.shape[1] // shape[1]]
        planes.append(typed(smaller * form.max_value // 255, form))
    return Picture(format=form, planes=tuple(planes))


def differences(made: Picture, source: Picture) -> list[float]:
    """The mean signed difference in the middle of each patch and each plane, in samples."""
    found = []
    for one, other in zip(made.planes, source.planes, strict=True):
        side = SIDE * one.shape[1] // source.width
        inner = slice(side // 4, side - side // 4)
        difference = one.astype(int) - other
        for place in range(len(COLORS)):
            y, x = place // 8 * side, place % 8 * side
            found.append(float(difference[y : y + side, x : x + side][inner, inner].mean()))
    return found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("pixel_format", "color"),
    [
        ("yuv420p", ColorFacts(range="limited", matrix="smpte170m")),
        ("yuv422p10le", ColorFacts(range="limited", matrix="bt709")),
        ("gbrp12le", ColorFacts(range="full")),
    ],
)
def test_a_patch_that_does_not_move_keeps_its_samples(method: str, pixel_format: str, color: ColorFacts) -> None:
    """To the last sample: the networks move pixels and mix them, but make no colors of their own."""
    pictures = [patches(pixel_format, number) for number in range(3)]
    frames = list(PairPool(1).in_order(parts_of(pictures, opened(method), color=color)))
    assert [frame.kind for frame in frames] == ["source", "made", "made"] * 2
    for place, frame in enumerate(frames):
        source = pictures[place // FRAMES_PER_PAIR]
        assert set(differences(frame.picture, source)) == {0.0}, frame.kind


@pytest.mark.parametrize("pixel_format", ["yuv420p", "gbrp"])
def test_mci_changes_a_patch_by_less_than_a_sample(pixel_format: str) -> None:
    """It works in 8-bit YCbCr of BT.601, so RGB is rounded."""
    color = ColorFacts(range="full" if pixel_format == "gbrp" else "limited", matrix="smpte170m")
    pictures = [patches(pixel_format, number) for number in range(3)]
    frames = PairPool(1).in_order(parts_of(pictures, opened("mci"), color=color))
    made = [differences(frame.picture, pictures[0]) for frame in frames if frame.kind == "made"]
    assert abs(np.mean(made, axis=1)).max() < 0.2
    assert abs(np.array(made)).max() <= (0 if pixel_format == "yuv420p" else 1)


@pytest.mark.parametrize("weights", shipped_names())
def test_the_bias_of_the_networks_is_as_documented(weights: str) -> None:
    """In RGB before it is rounded, in samples of 8 bits."""
    spec = ColorSpec.of(ColorFacts(range="limited", matrix="smpte170m"), PIXEL_FORMATS["yuv444p"], 480)
    i0, i1 = (to_rgb(patches("yuv444p", number), spec) for number in range(2))
    for frame in opened(weights).between(i0, i1, [Fraction(1, 4), Fraction(1, 2)]):  # type: ignore[union-attr]
        error_CHW = 255 * (frame - i0)[:, : len(COLORS) // 8 * SIDE]  # type: ignore[operator]
        of_patches = error_CHW.unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE)[..., 8:-8, 8:-8].mean((-1, -2))
        assert float(of_patches.abs().max()) < 0.001
