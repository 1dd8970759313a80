"""Alpha is interpolated by the same method as the color, as a gray picture of its own, and never changes the color."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.steps.pair_pool import PairPool
from tests.steps.pairs import FRAMES_PER_PAIR, frames_of, moving, parts_of, with_matte


def guided() -> SuperSlomo:
    torch.manual_seed(1)
    return SuperSlomo(
        Guided(), device=torch.device("cpu"), precision="fp32", flow_scale=Fraction(1), threads=1, batch_px=1 << 21
    )


METHODS = (Duplicate(), Blend(), Flow(), Mci(), guided())


def made(pictures: list[Picture], method: AnyInterpolator, color: ColorFacts | None = None) -> list[Picture]:
    return [frame.picture for frame in PairPool(1).in_order(parts_of(pictures, method, color=color))]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le", "gbrp"])
def test_both_layers_are_what_the_method_makes_of_each(method: AnyInterpolator, pixel_format: str) -> None:
    """Alpha is of full range, whatever the range of the color."""
    color = moving(4, width=96, height=64, pixel_format=pixel_format)
    whole = with_matte(color)
    frames, alone = made(whole, method), made(color, method)
    alpha = made([picture.layers[1] for picture in whole], method, ColorFacts(range="full"))
    assert [frame.layers[0].hash() for frame in frames] == [frame.hash() for frame in alone]
    assert [frame.layers[1].hash() for frame in frames] == [frame.hash() for frame in alpha]
    assert [frame.hash() for frame in frames[::FRAMES_PER_PAIR]] == [picture.hash() for picture in whole[:-1]]


def test_alpha_that_does_not_change_is_held() -> None:
    """A network would change it a little."""
    still = with_matte(moving(3, width=96, height=64), step=0)
    frames = made(still, guided())
    assert {frame.layers[1].hash() for frame in frames} == {still[0].layers[1].hash()}
    assert len({frame.hash() for frame in frames}) == len(frames)


def test_a_frame_whose_alpha_alone_changes_is_no_repeat() -> None:
    first = moving(1, width=96, height=64) * 4
    kinds = [kind for kind, _ in frames_of(with_matte(first, step=8), Blend(), cores=1)]
    assert kinds == ["source", "made", "made"] * 3


def test_any_number_of_pairs_at_once_makes_the_same_frames() -> None:
    pictures, method = with_matte(moving(6, width=192, height=96)), guided()
    alone = frames_of(pictures, method, cores=1)
    for cores in (2, 5):
        assert frames_of(pictures, method, cores=cores) == alone
    assert frames_of(pictures, method, cores=2, pairs=range(1, 3)) == alone[3:9], "chunk borders change nothing"


def test_the_hash_of_a_frame_is_that_of_its_alpha_too() -> None:
    (picture,) = with_matte(moving(1, width=96, height=64))
    *color, alpha = picture.planes
    other = replace(picture, planes=(*color, np.where(alpha == 255, 254, alpha).astype(np.uint8)))
    assert picture.hash() != other.hash()
    assert Picture.of_layers(picture.layers).hash() == picture.hash()
    assert PIXEL_FORMATS["yuva420p"].opaque.name == picture.layers[0].format.name == "yuv420p"


def test_a_source_without_alpha_is_opaque_in_a_format_with_alpha() -> None:
    opaque = moving(3, width=96, height=64)
    frames = [one.picture for one in PairPool(1).in_order(parts_of(opaque, Blend(), output="yuva420p"))]
    assert [frame.layers[0].hash() for frame in frames] == [frame.hash() for frame in made(opaque, Blend())]
    assert {int(frame.planes[3].min()) for frame in frames} == {255}


def test_alpha_is_dropped_without_a_trace_in_a_format_without_it() -> None:
    color = moving(3, width=96, height=64)
    frames = [one.picture for one in PairPool(1).in_order(parts_of(color, Blend(), has_alpha=True))]
    assert [frame.hash() for frame in frames] == [frame.hash() for frame in made(color, Blend())]
