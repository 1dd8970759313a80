"""The guide: its flow is that of the network, for pictures of any size that samples may have."""

import pytest
import torch

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.training.guide import Guide
from tests.interpolators.footage import texture


def test_its_flow_is_that_of_the_network() -> None:
    network = load(shipped_file("compact-3")).build_network()
    assert isinstance(network, Guided)
    i0, i1 = texture(64, 96), texture(64, 96).roll(2, dims=-1)
    pair = i0[None], i1[None]
    with torch.inference_mode():
        assert torch.equal(Guide("compact-3").flows(i0, i1), network.flows(*pair, *network.flow_inputs(*pair))[0])


def test_pictures_need_not_have_a_size_that_the_network_takes() -> None:
    i0, i1 = texture(72, 104), texture(72, 104).roll(2, dims=-1)
    flows = Guide("compact-3").flows(i0, i1)
    assert flows.shape == (4, 18, 26)
    inside = flows[:, 4:-4, 4:-4]
    assert float((inside[0] - 1).abs().median()) < 0.1, "two pixels to the right are one at half size"
    assert float((inside[2] + 1).abs().median()) < 0.1


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="the network `guided`"):
        Guide("matched-1").flows(texture(64, 64), texture(64, 64))
