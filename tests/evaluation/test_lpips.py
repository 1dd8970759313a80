"""LPIPS and ST-LPIPS with random weights: by hand, against the networks layer by layer, and rejected files."""

from math import hypot
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError, WeightsError
from slomo_batch.evaluation.lpips import load_lpips
from slomo_batch.evaluation.measures import Rgb8
from tests.evaluation.synthetic_datasets import put
from tests.evaluation.test_measures import beside, noise, ramp

CHANNELS = (64, 192, 384, 256, 256)


def alexnet() -> nn.Sequential:
    """The `features` of AlexNet as torchvision numbers them."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


class Blurred(nn.Module):
    """The blur of ST-LPIPS, as a depthwise convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0])
        self.filt = nn.Parameter((row[:, None] * row / 16).expand(channels, 1, 3, 3), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return every second sample of the blurred features."""
        return nn.functional.conv2d(nn.ReflectionPad2d(2)(x), self.filt, stride=2, groups=x.shape[1])


def shift_tolerant() -> nn.Sequential:
    """The layers of ST-LPIPS as its package numbers them."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, padding=2), Blurred(64), nn.ReLU(), nn.MaxPool2d(3, 1), Blurred(64),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 1), Blurred(192),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def stored(folder: Path, features: nn.Sequential, lins: list[Tensor]) -> list[Path]:
    """The two files that a person has."""
    trunk = {f"features.{key}": value for key, value in features.state_dict().items()}
    trunk["classifier.1.bias"] = torch.zeros(5)
    torch.save(trunk, folder / "alexnet.pth")
    torch.save({f"lin{k}.model.1.weight": lin[None, :, None, None] for k, lin in enumerate(lins)}, folder / "alex.pth")
    return [folder / "alexnet.pth", folder / "alex.pth"]


@pytest.fixture
def made(tmp_path: Path) -> tuple[nn.Sequential, list[Tensor], list[Path]]:
    torch.manual_seed(3)
    features, lins = alexnet(), [torch.rand(num) for num in CHANNELS]
    return features, lins, stored(tmp_path, features, lins)


def test_flat_frames_by_hand(tmp_path: Path) -> None:
    """The first layer sees red in one channel and is 2 in another; the others see nothing."""
    features = alexnet()
    with torch.no_grad():
        for parameter in features.parameters():
            parameter.zero_()
        first = features[0]
        assert isinstance(first, nn.Conv2d)
        assert first.bias is not None
        first.weight[0, 0, 5, 5] = 1
        first.bias[1] = 2
    lins = [torch.zeros(num) for num in CHANNELS]
    lins[0][:2] = torch.tensor([3.0, 5.0])
    measure = load_lpips(stored(tmp_path, features, lins))
    low, high = np.full((80, 80, 3), 160, np.uint8), np.full((80, 80, 3), 240, np.uint8)
    red = [(level / 127.5 - 1 + 0.030) / 0.458 for level in (160, 240)]
    (x0, y0), (x1, y1) = ((value / hypot(value, 2), 2 / hypot(value, 2)) for value in red)
    assert measure.distance(low, high) == pytest.approx(3 * (x0 - x1) ** 2 + 5 * (y0 - y1) ** 2, rel=1e-5)


def by_formula(layers: nn.Sequential, lins: list[Tensor], one: Rgb8, other: Rgb8) -> float:
    """The published formula, layer by layer."""

    def activations(samples: Rgb8) -> list[Tensor]:
        x = torch.from_numpy(samples).permute(2, 0, 1)[None] / 255 * 2 - 1
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        x = (x - shift.view(1, 3, 1, 1)) / scale.view(1, 3, 1, 1)
        found = []
        for layer in layers:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10))
        return found

    with torch.no_grad():
        pairs = zip(lins, activations(one), activations(other), strict=True)
        return sum(float((lin.view(1, -1, 1, 1) * (a - b) ** 2).sum(dim=1).mean()) for lin, a, b in pairs)


def test_it_is_the_published_formula(made: tuple[nn.Sequential, list[Tensor], list[Path]]) -> None:
    features, lins, files = made
    one, other = ramp(96, 128), beside(ramp(96, 128), 3)
    measure = load_lpips(files)
    assert measure.name == "LPIPS"
    assert measure.distance(one, other) == pytest.approx(by_formula(features, lins, one, other), rel=1e-4)
    assert measure.distance(one, other) == pytest.approx(measure.distance(other, one))
    assert measure.distance(one, one.copy()) == 0
    assert measure.distance(noise(1, 62, 80), noise(2, 62, 80)) is None
    assert measure.distance(noise(1, 63, 80), noise(2, 63, 80)) is not None


@pytest.fixture
def shift_tolerant_file(tmp_path: Path) -> tuple[nn.Sequential, list[Tensor], Path]:
    torch.manual_seed(4)
    layers, lins = shift_tolerant(), [torch.rand(num) for num in CHANNELS]
    slices = {0: 1, 1: 1, 4: 2, 5: 2, 8: 3, 9: 3, 11: 4, 13: 5}
    state = {f"net.slice{slices[int(key.split('.')[0])]}.{key}": value for key, value in layers.state_dict().items()}
    state |= {f"lin{k}.model.1.weight": lin[None, :, None, None] for k, lin in enumerate(lins)}
    torch.save(state, tmp_path / "alex_shift_tolerant.pth")
    return layers, lins, tmp_path / "alex_shift_tolerant.pth"


def test_weights_of_st_lpips_measure_st_lpips(
    shift_tolerant_file: tuple[nn.Sequential, list[Tensor], Path],
) -> None:
    layers, lins, file = shift_tolerant_file
    measure = load_lpips([file])
    assert measure.name == "ST-LPIPS"
    for height, width in ((96, 128), (63, 64)):
        one, other = ramp(height, width), beside(ramp(height, width), 3)
        assert measure.distance(one, other) == pytest.approx(by_formula(layers, lins, one, other), rel=1e-4)
    assert measure.distance(one, one.copy()) == 0


def test_st_lpips_is_found_in_its_package(
    shift_tolerant_file: tuple[nn.Sequential, list[Tensor], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ManifestError, match=r"stlpips-pytorch, which is not installed\. Install it: pip install"):
        load_lpips([Path("st-lpips")])
    about, inside = tmp_path / "site/stlpips_pytorch-0.0.2.dist-info", tmp_path / "site/stlpips_pytorch/weights"
    about.mkdir(parents=True)
    inside.mkdir(parents=True)
    file = shift_tolerant_file[2].rename(inside / "alex_shift_tolerant.pth")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stlpips-pytorch\nVersion: 0.0.2\n")
    (about / "RECORD").write_text("stlpips_pytorch/weights/alex_shift_tolerant.pth,,\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert load_lpips([Path("st-lpips")]).sha256 == load_lpips([file]).sha256


def test_one_state_dict_of_the_lpips_package_will_do(
    made: tuple[nn.Sequential, list[Tensor], list[Path]], tmp_path: Path
) -> None:
    features, lins, files = made
    slices = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    state = {f"net.slice{slices[int(key.split('.')[0])]}.{key}": value for key, value in features.state_dict().items()}
    state |= {f"lin{k}.model.1.weight": lin[None, :, None, None] for k, lin in enumerate(lins)}
    state |= {f"lins.{k}.model.1.weight": lin[None, :, None, None] for k, lin in enumerate(lins)}
    state["scaling_layer.shift"] = torch.zeros(1, 3, 1, 1)
    torch.save(state, tmp_path / "whole.pth")
    pair = noise(1, 70, 90), noise(2, 70, 90)
    whole, halves = load_lpips([tmp_path / "whole.pth"]), load_lpips(files)
    assert whole.distance(*pair) == halves.distance(*pair)
    assert whole.sha256 != halves.sha256


class Unsafe:
    """A pickle that would call something."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("called",)


def test_what_is_not_its_weights_is_refused(
    made: tuple[nn.Sequential, list[Tensor], list[Path]], tmp_path: Path
) -> None:
    trunk, lin = made[2]
    with pytest.raises(WeightsError, match=r"lin0 is missing; .*lin4 is missing.*alexnet-owt"):
        load_lpips([trunk])
    with pytest.raises(WeightsError, match=r"0\.weight is missing"):
        load_lpips([lin])
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(WeightsError, match=r"0\.weight has shape \(64, 3, 3, 3\), not \(64, 3, 11, 11\)"):
        load_lpips([tmp_path / "vgg.pth"])
    torch.save({"features.0.weight": Unsafe()}, tmp_path / "unsafe.pth")
    with pytest.raises(WeightsError, match="could execute code"):
        load_lpips([tmp_path / "unsafe.pth"])
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("text.pth", "nowhere.pth"):
        with pytest.raises(WeightsError, match=name):
            load_lpips([tmp_path / name])


def test_the_command_measures_it_where_it_is_given(
    made: tuple[nn.Sequential, list[Tensor], list[Path]],
    shift_tolerant_file: tuple[nn.Sequential, list[Tensor], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "tri_testlist.txt").write_text("00001/0001\n")
    for number in (1, 2, 3):
        put(tmp_path / "set" / "sequences" / "00001" / "0001" / f"im{number}.png", noise(number, 64, 64))
    call = ["evaluate", str(tmp_path / "set"), "--method", "blend"]
    assert main(call) == 0
    assert "LPIPS" not in capsys.readouterr().out
    assert main([*call, "--lpips", *map(str, made[2])]) == 0
    shown = capsys.readouterr().out
    assert "| LPIPS " in shown
    assert f"SHA-256 of its weights {load_lpips(made[2]).sha256}" in shown
    assert main([*call, "--lpips", str(shift_tolerant_file[2])]) == 0
    assert "| ST-LPIPS " in capsys.readouterr().out
    assert main([*call, "--lpips", str(made[2][0])]) == 2
    assert "lin0 is missing" in capsys.readouterr().err
