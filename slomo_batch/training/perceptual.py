"""The perceptual loss: VGG16 up to conv4_3, from weights that the user supplies.

The network of Simonyan and Zisserman, Very Deep Convolutional Networks (2015), in torchvision's numbering: its first 21
layers, `features[:22]`, that is up to conv4_3 before its ReLU. Pictures go in less the mean of the paper's training
set, not normalised as ImageNet is: so does the public code of Super SloMo (train.py at 544802b).
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.pickles import read_pickle
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB

LAYERS: Mapping[int, tuple[int, int]] = {
    0: (3, 64), 2: (64, 64),
    5: (64, 128), 7: (128, 128),
    10: (128, 256), 12: (256, 256), 14: (256, 256),
    17: (256, 512), 19: (512, 512), 21: (512, 512),
}  # fmt: skip
"""Channels in and out of each convolution, three by three, by its number."""
POOLED_BEFORE = frozenset({5, 10, 17})
LAST = 21
REFUSAL = "cannot be read as weights of VGG16"


class Perceptual:
    """Mean squared difference of the features of two pictures."""

    def __init__(self, weights: Mapping[str, Tensor], *, device: torch.device, dtype: torch.dtype) -> None:
        """Take over the weights, by torchvision's keys, as `vgg_weights` reads them."""
        self._layers = {
            number: tuple(
                weights[f"features.{number}.{part}"].detach().to(device=device, dtype=dtype)
                for part in ("weight", "bias")
            )
            for number in LAYERS
        }
        self._dtype = dtype

    def __call__(self, made: Tensor, truth: Tensor) -> Tensor:
        """Of frames made and true, [B, 3, H, W], 0 to 1; gradients pass to the made one."""
        with torch.no_grad():
            wanted = self.features(truth)
        return functional.mse_loss(self.features(made), wanted)

    def features(self, image_BCHW: Tensor) -> Tensor:
        """conv4_3 before its ReLU, [B, 512, H / 8, W / 8], fp32."""
        x = (image_BCHW - image_BCHW.new_tensor(MEAN_RGB)[:, None, None]).to(self._dtype)
        for number, (weight, bias) in self._layers.items():
            if number in POOLED_BEFORE:
                x = functional.max_pool2d(x, 2)
            x = functional.conv2d(x, weight, bias, padding=1)
            if number != LAST:
                x = functional.relu_(x)
        return x.float()


def vgg_weights(path: Path) -> dict[str, Tensor]:
    """The weights of VGG16 in a .pth or .safetensors file with torchvision's keys; others than needed are passed over.

    Raises:
        WeightsError: unreadable, or not VGG16's.
    """
    found = _safetensors(path) if path.suffix == ".safetensors" else read_pickle(path, message=REFUSAL)
    expected = {
        f"features.{number}.{part}": (outputs, inputs, 3, 3) if part == "weight" else (outputs,)
        for number, (inputs, outputs) in LAYERS.items()
        for part in ("weight", "bias")
    }
    weights: dict[str, Tensor] = {}
    for key, shape in expected.items():
        tensor = found.get(key) if isinstance(found, dict) else None
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            got = f"shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else "none"
            raise WeightsError(
                "not the weights of VGG16",
                where=str(path),
                expected=f"{key} of shape {shape}",
                got=got,
                remedy="torchvision's vgg16 state dict has them: save that of models.vgg16(weights=...).",
            )
        weights[key] = tensor
    return weights


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(REFUSAL, where=str(path), got=str(error)) from error
