"""The perceptual loss: features of VGG16 up to conv4_3, with weights that the user supplies.

The network of Simonyan and Zisserman, Very Deep Convolutional Networks (2015), in torchvision's numbering: its first 21
layers, `features[:22]`, up to conv4_3 before its ReLU. Pictures are reduced by the mean of the paper's training set,
without ImageNet normalization, as in the public code of Super SloMo (train.py at 544802b).
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
"""Input and output channels of each 3x3 convolution, by its index."""
POOLED_BEFORE = frozenset({5, 10, 17})
LAST = 21
UNREADABLE = "cannot read the file as VGG16 weights"


class PerceptualLoss:
    """Mean squared difference of the VGG16 features of two pictures."""

    def __init__(self, weights: Mapping[str, Tensor], *, device: torch.device, dtype: torch.dtype) -> None:
        """Use these weights, keyed as in torchvision; see `vgg_weights`."""
        self._layers = {
            number: tuple(
                weights[f"features.{number}.{part}"].detach().to(device=device, dtype=dtype)
                for part in ("weight", "bias")
            )
            for number in LAYERS
        }
        self._dtype = dtype

    def __call__(self, made: Tensor, truth: Tensor) -> Tensor:
        """Compare predicted and true frames, [B, 3, H, W], 0 to 1; gradients flow to the predicted ones only."""
        with torch.no_grad():
            wanted = self.features(truth)
        return functional.mse_loss(self.features(made), wanted)

    def features(self, image_BCHW: Tensor) -> Tensor:
        """Return conv4_3 before its ReLU, [B, 512, H / 8, W / 8], fp32."""
        x = (image_BCHW - image_BCHW.new_tensor(MEAN_RGB)[:, None, None]).to(self._dtype)
        for number, (weight, bias) in self._layers.items():
            if number in POOLED_BEFORE:
                x = functional.max_pool2d(x, 2)
            x = functional.conv2d(x, weight, bias, padding=1)
            if number != LAST:
                x = functional.relu_(x)
        return x.float()


def vgg_weights(path: Path) -> dict[str, Tensor]:
    """Read VGG16 weights from a .pth or .safetensors file with torchvision's keys; unused tensors are ignored.

    Raises:
        WeightsError: the file is unreadable, or not VGG16.
    """
    found = _safetensors(path) if path.suffix == ".safetensors" else read_pickle(path, message=UNREADABLE)
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
                "not VGG16 weights",
                where=str(path),
                expected=f"{key} of shape {shape}",
                got=got,
                remedy="Save the state dict of torchvision's models.vgg16(weights=...).",
            )
        weights[key] = tensor
    return weights


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(UNREADABLE, where=str(path), got=str(error)) from error
