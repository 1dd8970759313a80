"""Operations of each network for a 1080p pair at 4x, a lower bound of its time on a device."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.weights import load

NUM_FRAMES = 3
HEIGHT, WIDTH = 1088, 1920
"""Of a padded picture."""


def gflop_of_a_pair(network: Guided | Paper, *flow_inputs: torch.Tensor) -> float:
    """10^9 multiplications and additions of convolutions: flows once, then the frames. Nothing is computed."""
    picture = torch.empty(1, 3, HEIGHT, WIDTH, device="meta")
    with FlopCounterMode(display=False) as counter:
        flows = network.flows(picture, picture, *flow_inputs)
        network.frames(picture, picture, flows, torch.empty(NUM_FRAMES, device="meta"))
    return float(counter.get_total_flops()) / 1e9


@pytest.mark.parametrize(("name", "gflop"), [("compact-3", 51.6), ("compact-2", 176.2)])
def test_shipped_weights(name: str, gflop: float) -> None:
    network = load(shipped_file(name)).build_network()
    assert isinstance(network, Guided)
    prior = torch.empty(1, 4, HEIGHT // 4, WIDTH // 4, device="meta")
    assert gflop_of_a_pair(network.to("meta"), prior) == pytest.approx(gflop, rel=0.01)


def test_the_network_of_the_paper() -> None:
    with torch.device("meta"):
        network = Paper()
    assert gflop_of_a_pair(network) == pytest.approx(5632, rel=0.01)
