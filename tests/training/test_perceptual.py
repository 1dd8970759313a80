"""The perceptual loss by hand, with weights that pass one channel through; and the weights files that are accepted."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB
from slomo_batch.training.config import read_config
from slomo_batch.training.model import build_perceptual_loss
from slomo_batch.training.perceptual import LAYERS, PerceptualLoss, vgg_weights
from tests.architecture.project import ROOT

CPU = torch.device("cpu")


def passing_on(gain: float = 1.0) -> dict[str, Tensor]:
    """Weights whose first channel is the first of the picture, times `gain` at the last layer; the others are 0."""
    made = {}
    for number, (inputs, outputs) in LAYERS.items():
        weight = torch.zeros(outputs, inputs, 3, 3)
        weight[0, 0, 1, 1] = gain if number == 21 else 1.0
        made[f"features.{number}.weight"], made[f"features.{number}.bias"] = weight, torch.zeros(outputs)
    return made


def red(level: float) -> Tensor:
    picture = torch.zeros(1, 3, 32, 32)
    picture[:, 0] = level
    return picture


@pytest.mark.parametrize(
    ("made", "true", "difference"), [(0.9, 0.6, 0.3), (0.7, 0.2, 0.7 - MEAN_RGB[0]), (0.1, 0.2, 0)]
)
def test_of_one_channel_as_worked_out_by_hand(made: float, true: float, difference: float) -> None:
    # Less the mean, ReLU passes what is above it; one of the 512 channels differs, and it is squared.
    looked_at = PerceptualLoss(passing_on(), device=CPU, dtype=torch.float32)
    assert float(looked_at(red(made), red(true))) == pytest.approx(difference**2 / 512, abs=1e-7)


def test_features_are_those_before_the_last_relu_at_an_eighth_of_the_size() -> None:
    features = PerceptualLoss(passing_on(-2.0), device=CPU, dtype=torch.float32).features(red(0.929))
    assert features.shape == (1, 512, 4, 4)
    assert torch.allclose(features[:, 0], torch.tensor(-1.0))
    assert not features[:, 1:].any()


def test_gradients_pass_to_the_made_frame_alone() -> None:
    made, true = red(0.9).requires_grad_(), red(0.6).requires_grad_()
    PerceptualLoss(passing_on(), device=CPU, dtype=torch.float32)(made, true).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert made.grad[:, 0].abs().max() > 0
    assert true.grad is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_read_as_torchvision_stores_them(suffix: str, tmp_path: Path) -> None:
    stored = passing_on() | {"classifier.0.weight": torch.zeros(2, 2)}
    path = tmp_path / f"vgg16{suffix}"
    if suffix == ".pth":
        torch.save(stored, path)
    else:
        save_file(stored, path)
    found = vgg_weights(path)
    assert found.keys() == passing_on().keys()
    assert torch.equal(found["features.21.weight"], stored["features.21.weight"])


def test_files_that_are_not_vgg16_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "vgg11.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"vgg11\.pth.*features\.0\.bias"):
        vgg_weights(path)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"vgg11\.pth.*cannot read the file as VGG16 weights"):
        vgg_weights(path)
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"vgg11\.pth.*cannot read the file as VGG16 weights"):
        vgg_weights(path)
    with pytest.raises(WeightsError, match=r"none\.pth"):
        vgg_weights(tmp_path / "none.pth")


def test_a_tilde_after_a_dot_is_part_of_the_name_of_the_weights() -> None:
    shipped = read_config(ROOT / "jobs" / "train" / "paper.yaml")
    config = replace(shipped, losses=replace(shipped.losses, vgg16="./~nosuchuser.pth"))
    with pytest.raises(WeightsError, match=r"~nosuchuser\.pth"):
        build_perceptual_loss(config, CPU)
