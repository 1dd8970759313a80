"""The registry of methods, opening interpolators from a spec, and the description of the machine."""

import pickle

import pytest
import torch

from slomo_batch import __version__
from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import context_of
from slomo_batch.interpolators.device import builds, device_name, supported_precision
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.registry import find_method, open_interpolator


def test_a_spec_can_be_pickled() -> None:
    spec = InterpolatorSpec(method="superslomo", weights_path="a.safetensors", precision="bf16", pyramid_levels=4)
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_old_ways_need_no_weights() -> None:
    assert isinstance(open_interpolator(InterpolatorSpec(method="duplicate")), Duplicate)
    assert isinstance(open_interpolator(InterpolatorSpec(method="blend")), Blend)
    assert isinstance(open_interpolator(InterpolatorSpec(method="flow")), Flow)
    assert isinstance(open_interpolator(InterpolatorSpec(method="mci")), Mci)


@pytest.mark.parametrize("name", ["duplicate", "blend", "mci", "flow"])
def test_a_descriptor_states_the_context_of_its_method(name: str) -> None:
    assert find_method(name).method.context == context_of(open_interpolator(InterpolatorSpec(method=name)))


def test_weights_that_are_not_there_are_named() -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        open_interpolator(InterpolatorSpec(method="superslomo", weights_path="nowhere.safetensors"))


def test_the_precision_that_auto_means_is_one_this_machine_computes() -> None:
    precision = supported_precision()
    assert precision in {"fp32", "bf16", "fp16"}
    if not torch.cuda.is_available():
        assert precision != "fp16"


def test_the_machine_is_described_by_device_and_builds() -> None:
    assert device_name().strip()
    assert torch.__version__ in builds()
    assert f"slomo-batch {__version__}; pixel revision {PIXEL_REVISION}" in builds()
