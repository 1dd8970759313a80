"""The perceptual and the style loss, by hand and against the layers; and the weights files that are accepted."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from slomo_batch.errors import ManifestError, WeightsError
from slomo_batch.interpolators import stlpips
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB
from slomo_batch.training.config import read_config
from slomo_batch.training.model import build_perceptual_losses
from slomo_batch.training.perceptual import LAYERS, PerceptualLosses, VggWeights, gram, style, vgg_weights
from tests.architecture.project import ROOT
from tests.evaluation.test_lpips import Blurred

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
    looked_at = PerceptualLosses(VggWeights(passing_on()), device=CPU, dtype=torch.float32)
    assert float(looked_at(red(made), red(true))["perceptual"]) == pytest.approx(difference**2 / 512, abs=1e-7)


def test_features_are_those_before_the_last_relu_at_an_eighth_of_the_size() -> None:
    features = PerceptualLosses(VggWeights(passing_on(-2.0)), device=CPU, dtype=torch.float32).features(red(0.929))[-1]
    assert features.shape == (1, 512, 4, 4)
    assert torch.allclose(features[:, 0], torch.tensor(-1.0))
    assert not features[:, 1:].any()


def test_gradients_pass_to_the_made_frame_alone() -> None:
    made, true = red(0.9).requires_grad_(), red(0.6).requires_grad_()
    PerceptualLosses(VggWeights(passing_on()), device=CPU, dtype=torch.float32)(made, true)["perceptual"].backward()  # type: ignore[no-untyped-call]
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
    found = vgg_weights(str(path)).tensors
    assert found.keys() == passing_on().keys()
    assert torch.equal(found["features.21.weight"], stored["features.21.weight"])


def test_files_that_are_not_vgg16_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "vgg11.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"vgg11\.pth.*features\.0\.bias"):
        vgg_weights(str(path))
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"vgg11\.pth.*cannot read the file as VGG16 weights"):
        vgg_weights(str(path))
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"vgg11\.pth.*cannot read the file as VGG16 weights"):
        vgg_weights(str(path))
    with pytest.raises(WeightsError, match=r"none\.pth"):
        vgg_weights(str(tmp_path / "none.pth"))


def test_a_tilde_after_a_dot_is_part_of_the_name_of_the_weights() -> None:
    shipped = read_config(ROOT / "jobs" / "train" / "paper.yaml")
    config = replace(shipped, losses=replace(shipped.losses, vgg16="./~nosuchuser.pth"))
    with pytest.raises(WeightsError, match=r"~nosuchuser\.pth"):
        build_perceptual_losses(config, CPU)


# ---- style -----------------------------------------------------------------------------------------------------------


def test_style_is_the_share_of_the_gram_matrix_that_differs_as_worked_out_by_hand() -> None:
    # Two channels at two positions: (1, 0), (0, 1) has the Gram matrix diag(1/2, 1/2). Where only the
    # first position has features, diag(1/2, 0): the norm of the difference is 1/2, that of the true one its root.
    true = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    made = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])
    assert torch.allclose(gram(true), torch.eye(2)[None] / 2)
    assert float(style([made], [true])) == pytest.approx(0.5**0.5, abs=1e-3)
    assert float(style([made, true], [true, true])) == pytest.approx(0.5**0.5 / 2, abs=1e-3)
    assert float(style([torch.zeros(1, 2, 1, 2)], [torch.zeros(1, 2, 1, 2)])) == 0


def test_style_is_the_same_wherever_a_texture_is_and_differs_if_it_is_blurred() -> None:
    torch.manual_seed(1)
    texture = torch.rand(1, 3, 64, 64)
    blurred_texture = functional.avg_pool2d(functional.pad(texture, (1, 1, 1, 1), mode="circular"), 3, 1)
    seen = PerceptualLosses(VggWeights(at_random()), device=CPU, dtype=torch.float32)
    moved = seen(texture.roll((5, 9), dims=(2, 3)), texture)
    soft = seen(blurred_texture, texture)
    assert float(moved["style"]) < 0.05 * float(soft["style"])
    assert float(moved["perceptual"]) > 0.05 * float(soft["perceptual"])


def test_gradients_of_style_pass_to_the_made_frame() -> None:
    torch.manual_seed(1)
    made, true = torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32)
    PerceptualLosses(VggWeights(at_random()), device=CPU, dtype=torch.float32)(made, true)["style"].backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert made.grad.abs().max() > 0


def at_random() -> dict[str, Tensor]:
    """Weights that keep the scale of features."""
    torch.manual_seed(2)
    made = {}
    for number, (inputs, outputs) in LAYERS.items():
        made[f"features.{number}.weight"] = torch.randn(outputs, inputs, 3, 3) * (2 / (9 * inputs)) ** 0.5
        made[f"features.{number}.bias"] = torch.zeros(outputs)
    return made


def shift_tolerant() -> nn.Sequential:
    """The layers of the shift-tolerant VGG16 as its package numbers them, up to conv4_3."""
    layers: list[nn.Module] = []
    for block in ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512)):
        if layers:
            layers += [nn.MaxPool2d(2, 1), Blurred(block[0])]
        for inputs, outputs in pairwise(block):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_the_shift_tolerant_network_against_its_layers_one_by_one(tmp_path: Path) -> None:
    torch.manual_seed(4)
    network, image = shift_tolerant(), torch.rand(2, 3, 40, 48)
    path = tmp_path / "vgg_shift_tolerant.pth"
    torch.save({f"net.slice1.{key}": value for key, value in network.state_dict().items()}, path)
    ours = PerceptualLosses(vgg_weights(str(path)), device=CPU, dtype=torch.float32).features(image)
    x = (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    theirs = []
    with torch.no_grad():
        for number, layer in enumerate(network):
            x = layer(x)
            if number in {3, 9, 17, 24}:
                theirs.append(x)
    assert [tuple(one.shape) for one in ours] == [tuple(one.shape) for one in theirs]
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(ours, theirs, strict=True))


def test_the_weights_of_the_package_are_named_if_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_installed(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(stlpips, "files", none_installed)
    with pytest.raises(ManifestError, match=r"st-lpips.*not installed.*pip install --no-deps stlpips-pytorch==0\.0\.2"):
        vgg_weights("st-lpips")
