"""What `evaluate` and training take from ST-LPIPS (Ghildyal and Liu, ECCV 2022): its weights, and its blur.

The package stlpips-pytorch is not imported, and its dependencies are not needed.
"""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import ManifestError

ST_LPIPS = "st-lpips"
"""Means, in place of a path, the weights in the installed package."""
_PACKAGE = "stlpips-pytorch"


def installed_weights(name: str) -> Path:
    """Return the weights file of this name in the installed package.

    Raises:
        ManifestError: the package is not installed.
    """
    try:
        found = [path for path in files(_PACKAGE) or () if path.name == name]
    except PackageNotFoundError:
        found = []
    if not found:
        raise ManifestError(
            f"{ST_LPIPS} needs the weights in the package {_PACKAGE}, which is not installed",
            remedy=f"Install it: pip install --no-deps {_PACKAGE}==0.0.2",
        )
    return Path(str(found[0].locate()))


def blurred(x_BCHW: Tensor) -> Tensor:
    """Blur with the binomial filter of 3x3, mirrored at the border, and keep every second sample (Zhang 2019)."""
    row = x_BCHW.new_tensor((0.25, 0.5, 0.25))
    channels = x_BCHW.shape[1]
    kernel = (row[:, None] * row).expand(channels, 1, 3, 3)
    return functional.conv2d(functional.pad(x_BCHW, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=channels)
