"""The two U-Nets: the paper's, as in the public checkpoint, and the small one of `compact` and `guided`.

Both compute in the dtype of their weights and return fp32: a network cast to bf16 convolves in bf16, and everything
around it stays in fp32. Inputs are converted to channels-last, in which convolutions are fast. Module names are the
keys of the weights files.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAKY_SLOPE = 0.1
"""Slope of every LeakyReLU in both networks (reference: avinashpaliwal/Super-SloMo 544802b, model.py)."""


def leaky_relu(x_BCHW: Tensor) -> Tensor:
    """Rectify in place, with the slope of both networks."""
    return functional.leaky_relu_(x_BCHW, LEAKY_SLOPE)


MANY_CHANNELS = 32
"""From so many channels on, torch transposes a matrix faster than it converts to channels-last: at 57, in 40 %."""


def cast_to(x_BCHW: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Convert to the dtype of the convolution, and to channels-last."""
    cast_BCHW = x_BCHW.to(convolution.weight.dtype)
    by_matrix = cast_BCHW.shape[1] >= MANY_CHANNELS and cast_BCHW.device.type == "cpu" and not cast_BCHW.requires_grad
    return _channels_last(cast_BCHW) if by_matrix else cast_BCHW.to(memory_format=torch.channels_last)


def _channels_last(x_BCHW: Tensor) -> Tensor:
    """Convert to channels-last by transposing each picture as a matrix of channels and pixels."""
    num, channels, height, width = x_BCHW.shape
    pixels_BNC = x_BCHW.new_empty(num, height * width, channels)
    for pixels_NC, x_CHW in zip(pixels_BNC, x_BCHW, strict=True):
        pixels_NC.copy_(x_CHW.flatten(1).t())
    return pixels_BNC.view(num, height, width, channels).permute(0, 3, 1, 2)


# ---- the paper's -----------------------------------------------------------------------------------------------------


class PaperDown(nn.Module):
    """Average pooling to half the resolution, then two convolutions."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel, padding=kernel // 2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return features at half the resolution of x."""
        halved = functional.avg_pool2d(x_BCHW, 2)
        return leaky_relu(self.conv2(leaky_relu(self.conv1(halved))))


class PaperUp(nn.Module):
    """Bilinear upsampling, a convolution, concatenation of the skip connection, and another convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(2 * outputs, outputs, 3, padding=1)

    def forward(self, x_BCHW: Tensor, skip_BCHW: Tensor) -> Tensor:
        """Return features at the resolution of the skip connection."""
        doubled = functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear", align_corners=False)
        narrowed = leaky_relu(self.conv1(doubled))
        return leaky_relu(self.conv2(torch.cat((narrowed, skip_BCHW), dim=1)))


class PaperUNet(nn.Module):
    """The U-Net of the public checkpoint, with 46 tensors; input height and width must be multiples of 32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 32, 7, padding=3)
        self.conv2 = nn.Conv2d(32, 32, 7, padding=3)
        self.down1 = PaperDown(32, 64, 5)
        self.down2 = PaperDown(64, 128, 3)
        self.down3 = PaperDown(128, 256, 3)
        self.down4 = PaperDown(256, 512, 3)
        self.down5 = PaperDown(512, 512, 3)
        self.up1 = PaperUp(512, 512)
        self.up2 = PaperUp(512, 256)
        self.up3 = PaperUp(256, 128)
        self.up4 = PaperUp(128, 64)
        self.up5 = PaperUp(64, 32)
        self.conv3 = nn.Conv2d(32, outputs, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return outputs in fp32 at the resolution of x.

        As in the reference, a LeakyReLU follows the last layer too, even for flows and visibility logits; the
        checkpoint was trained with it (model.py, UNet.forward).
        """
        s1 = leaky_relu(self.conv2(leaky_relu(self.conv1(cast_to(x_BCHW, self.conv1)))))
        s2 = self.down1(s1)
        s3 = self.down2(s2)
        s4 = self.down3(s3)
        s5 = self.down4(s4)
        x = self.down5(s5)
        for up, skip in zip((self.up1, self.up2, self.up3, self.up4, self.up5), (s5, s4, s3, s2, s1), strict=True):
            x = up(x, skip)
        return leaky_relu(self.conv3(x)).float()


# ---- compact's -------------------------------------------------------------------------------------------------------


def _conv_pair(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
    )


class CompactUp(nn.Module):
    """Nearest upsampling, a convolution, concatenation of the skip connection, and another convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.c2 = nn.Conv2d(2 * outputs, outputs, 3, padding=1)

    def forward(self, x_BCHW: Tensor, skip_BCHW: Tensor) -> Tensor:
        """Return features at the resolution of the skip connection."""
        doubled = functional.interpolate(x_BCHW, scale_factor=2, mode="nearest")
        narrowed = leaky_relu(self.c1(doubled))
        return leaky_relu(self.c2(torch.cat((narrowed, skip_BCHW), dim=1)))


class CompactUNet(nn.Module):
    """A U-Net with `len(channels)` resolutions and no activation after its last layer."""

    def __init__(self, inputs: int, outputs: int, channels: Sequence[int], first_kernel: int = 5) -> None:
        super().__init__()
        steps = list(pairwise(channels))
        self.c0 = _conv_pair(inputs, channels[0], first_kernel)
        self.d = nn.ModuleList(_conv_pair(fine, coarse) for fine, coarse in steps)
        self.u = nn.ModuleList(CompactUp(coarse, fine) for fine, coarse in reversed(steps))
        self.o = nn.Conv2d(channels[0], outputs, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return fp32 outputs at the resolution of x; its sides must be multiples of 2^(len(channels) - 1)."""
        x = self.c0(cast_to(x_BCHW, self.o))
        skips = []
        for down in self.d:
            skips.append(x)
            x = down(functional.avg_pool2d(x, 2))
        for up, skip in zip(self.u, reversed(skips), strict=True):
            x = up(x, skip)
        outputs: Tensor = self.o(x)
        return outputs.float()
