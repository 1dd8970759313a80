"""The perceptual and the style loss: what VGG16 sees up to conv4_3, with weights that the user supplies.

The network of Simonyan and Zisserman, Very Deep Convolutional Networks (2015), in torchvision's numbering: its first 21
layers, `features[:22]`, up to conv4_3 before its ReLU. Two kinds of weights fit it:

- torchvision's. Pictures are reduced by the mean of the paper's training set, without ImageNet normalization, as in the
  public code of Super SloMo (train.py at 544802b).
- those of ST-LPIPS (vgg_shift_tolerant.pth of the package stlpips-pytorch), trained on human judgments. This network
  blurs before it leaves out samples, and sees normalized pictures.

The style loss compares Gram matrices: which features occur together, wherever they are. It is Gatys et al.'s
(Image Style Transfer Using Convolutional Neural Networks, 2016), as FILM uses it for frame interpolation (Reda et al.
2022): a blurred texture has another Gram matrix than a sharp one, even if it is a little displaced.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.pickles import read_pickle
from slomo_batch.interpolators.stlpips import ST_LPIPS, blurred, installed_weights
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB
from slomo_batch.uri import expanded

LAYERS: Mapping[int, tuple[int, int]] = {
    0: (3, 64), 2: (64, 64),
    5: (64, 128), 7: (128, 128),
    10: (128, 256), 12: (256, 256), 14: (256, 256),
    17: (256, 512), 19: (512, 512), 21: (512, 512),
}  # fmt: skip
"""Input and output channels of each 3x3 convolution, by its index."""
POOLED_BEFORE = frozenset({5, 10, 17})
LAST = 21
LAST_OF_BLOCKS = frozenset({2, 7, 14})
"""Convolutions whose features, after the ReLU, the style loss compares: relu1_2, relu2_2 and relu3_3."""
SHIFT_TOLERANT_NUMBERS = (0, 2, 6, 8, 12, 14, 16, 20, 22, 24)
"""Indices of the same convolutions in the shift-tolerant network."""
SHIFT_TOLERANT_FILE = "vgg_shift_tolerant.pth"
SHIFT_TOLERANT_MEAN, SHIFT_TOLERANT_SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Normalization of RGB from 0 to 1 for the shift-tolerant network, ImageNet's."""
UNREADABLE = "cannot read the file as VGG16 weights"
_SHIFT_TOLERANT_KEY = re.compile(r"net\.slice\d\.(\d+)\.(weight|bias)")


@dataclass(frozen=True, slots=True)
class VggWeights:
    """Weights of the layers up to conv4_3."""

    tensors: Mapping[str, Tensor]
    """Keyed as in torchvision."""
    is_shift_tolerant: bool = False


class PerceptualLosses:
    """The losses that compare what VGG16 sees in two pictures."""

    def __init__(self, weights: VggWeights, *, device: torch.device, dtype: torch.dtype) -> None:
        """Use these weights; see `vgg_weights`."""
        self._layers = {
            number: tuple(
                weights.tensors[f"features.{number}.{part}"].detach().to(device=device, dtype=dtype)
                for part in ("weight", "bias")
            )
            for number in LAYERS
        }
        self._dtype = dtype
        self._is_shift_tolerant = weights.is_shift_tolerant

    def __call__(self, made: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Compare predicted and true frames, [B, 3, H, W], 0 to 1; gradients flow to the predicted ones only.

        Returns `perceptual`, the mean squared difference of conv4_3, and `style`; see `style`.
        """
        with torch.no_grad():
            *true_blocks, true_last = self.features(truth)
        *blocks, last = self.features(made)
        return {"perceptual": functional.mse_loss(last, true_last), "style": style(blocks, true_blocks)}

    def features(self, image_BCHW: Tensor) -> list[Tensor]:
        """Return relu1_2, relu2_2 and relu3_3, then conv4_3 before its ReLU, [B, 512, H / 8, W / 8]; all fp32."""
        x, found = self._normalized(image_BCHW).to(self._dtype), []
        for number, (weight, bias) in self._layers.items():
            if number in POOLED_BEFORE:
                x = self._pooled(x)
            x = functional.conv2d(x, weight, bias, padding=1)
            if number != LAST:
                x = functional.relu(x)
            if number in LAST_OF_BLOCKS:
                found.append(x.float())
        return [*found, x.float()]

    def _normalized(self, image_BCHW: Tensor) -> Tensor:
        if not self._is_shift_tolerant:
            return image_BCHW - image_BCHW.new_tensor(MEAN_RGB)[:, None, None]
        mean, scale = (image_BCHW.new_tensor(row)[:, None, None] for row in (SHIFT_TOLERANT_MEAN, SHIFT_TOLERANT_SCALE))
        return (image_BCHW - mean) / scale

    def _pooled(self, x: Tensor) -> Tensor:
        if self._is_shift_tolerant:
            return blurred(functional.max_pool2d(x, 2, stride=1))
        return functional.max_pool2d(x, 2)


def style(made: Sequence[Tensor], truth: Sequence[Tensor]) -> Tensor:
    """Mean, over layers and samples, of the norm of the difference of Gram matrices, as a share of that of the
    true one."""
    shares = []
    for features, true_features in zip(made, truth, strict=True):
        true_gram_BCC = gram(true_features)
        apart_B = (gram(features) - true_gram_BCC).square().sum(dim=(1, 2))
        share_B = apart_B / true_gram_BCC.square().sum(dim=(1, 2)).clamp(min=EPSILON)
        shares.append((torch.sqrt(share_B + STYLE_CORNER**2) - STYLE_CORNER).mean())
    return torch.stack(shares).mean()


STYLE_CORNER = 1e-3
"""Shares below this count as their squares do: the root of 0 has no gradient."""
EPSILON = 1e-12
"""The least square of a true Gram matrix to divide by: that of a picture without features is 0."""


def gram(features_BCHW: Tensor) -> Tensor:
    """Return the mean over positions of the products of all pairs of channels, [B, C, C]."""
    flat_BCN = features_BCHW.flatten(2)
    return flat_BCN @ flat_BCN.transpose(1, 2) / flat_BCN.shape[2]


# ---- weights files ---------------------------------------------------------------------------------------------------


def vgg_weights(name: str) -> VggWeights:
    """Read VGG16 weights from a .pth or .safetensors file; unused tensors are ignored.

    Args:
        name: a path of a file with torchvision's keys or those of ST-LPIPS; `st-lpips`: the installed package's file.

    Raises:
        WeightsError: the file is unreadable, or not VGG16.
        ManifestError: `st-lpips` is given, and the package is not installed.
    """
    path = installed_weights(SHIFT_TOLERANT_FILE) if name == ST_LPIPS else expanded(name)
    found = _safetensors(path) if path.suffix == ".safetensors" else read_pickle(path, message=UNREADABLE)
    tensors = found if isinstance(found, dict) else {}
    is_shift_tolerant = any(_SHIFT_TOLERANT_KEY.fullmatch(str(key)) for key in tensors)
    if is_shift_tolerant:
        tensors = _renumbered(tensors)
    expected = {
        f"features.{number}.{part}": (outputs, inputs, 3, 3) if part == "weight" else (outputs,)
        for number, (inputs, outputs) in LAYERS.items()
        for part in ("weight", "bias")
    }
    weights: dict[str, Tensor] = {}
    for key, shape in expected.items():
        tensor = tensors.get(key)
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            got = f"shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else "none"
            raise WeightsError(
                "not VGG16 weights",
                where=str(path),
                expected=f"{key} of shape {shape}",
                got=got,
                remedy=f"Save the state dict of torchvision's models.vgg16(weights=...), or write {ST_LPIPS}.",
            )
        weights[key] = tensor
    return VggWeights(weights, is_shift_tolerant)


def _renumbered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the convolutions of the shift-tolerant network under torchvision's keys."""
    numbers = dict(zip(map(str, SHIFT_TOLERANT_NUMBERS), LAYERS, strict=True))
    found = {key: _SHIFT_TOLERANT_KEY.fullmatch(key) for key in tensors}
    return {
        f"features.{numbers[match[1]]}.{match[2]}": tensors[key]
        for key, match in found.items()
        if match and match[1] in numbers
    }


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(UNREADABLE, where=str(path), got=str(error)) from error
