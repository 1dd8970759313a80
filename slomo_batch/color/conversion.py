"""Convert planes of samples to RGB tensors and back.

RGB is fp32, nominally 0 to 1. It is not clipped when it is made, so colors outside the RGB cube are preserved: a
picture that goes to RGB and back keeps its luma exactly, and its chroma as `chroma.undo_upsample` restores it. The
transfer function is not applied or removed: RGB here is as non-linear as the video.

The same code runs on the CPU and on CUDA, with the same bits: every step is one multiplication, addition, rounding or
clamp per kernel in fp32, which IEEE 754 defines exactly. So nothing here may be fused or compiled.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from slomo_batch.color.chroma import Halving, downsample, downsample_chroma, undo_upsample, upsample_chroma
from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.transfers import CPU, to_cpu, to_device
from slomo_batch.picture import Picture, PixelFormat, Samples

# ---- to RGB ----------------------------------------------------------------------------------------------------------


def to_rgb(picture: Picture, spec: ColorSpec, device: torch.device = CPU) -> Tensor:
    """The picture as RGB [3, H, W] in fp32, nominally 0 to 1, not clipped, on the device."""
    scaling = spec.scaling(picture.format)
    codes = [_codes(plane, device) for plane in picture.planes]
    if picture.format.model == "rgb":
        g, b, r = (_normalized(plane, scaling.black, scaling.luma_span) for plane in codes)
        return torch.stack((r, g, b))
    luma_HW = _normalized(codes[0], scaling.black, scaling.luma_span)
    if picture.format.model == "gray":
        return luma_HW.expand(3, -1, -1).contiguous()
    form, spans = picture.format, (2 * (1 - spec.kb), 2 * (1 - spec.kr))
    differences = [
        _normalized(plane, scaling.neutral, scaling.chroma_span / span)
        for plane, span in zip(codes[1:], spans, strict=True)
    ]
    shifts, size = (form.chroma_shift_x, form.chroma_shift_y), (picture.width, picture.height)
    blue_red_2HW = upsample_chroma(torch.stack(differences), spec.chroma_location, shifts, size)
    return _from_differences(luma_HW, blue_red_2HW, spec)


def _from_differences(luma_HW: Tensor, blue_red_2HW: Tensor, spec: ColorSpec) -> Tensor:
    """RGB from luma, blue - luma and red - luma."""
    rgb_CHW = luma_HW.new_empty(3, *luma_HW.shape)
    torch.add(luma_HW, blue_red_2HW[1], out=rgb_CHW[0])
    torch.add(luma_HW, blue_red_2HW[0], out=rgb_CHW[2])
    torch.mul(blue_red_2HW[1], -spec.kr / spec.kg, out=rgb_CHW[1])
    rgb_CHW[1].add_(luma_HW).sub_(blue_red_2HW[0] * (spec.kb / spec.kg))
    return rgb_CHW


def _codes(plane: Samples, device: torch.device) -> Tensor:
    """The samples as fp32 on the device. They go there in their own size."""
    plane = np.require(plane, requirements="W")  # torch warns of others
    if plane.dtype == np.uint8:
        return to_device(torch.from_numpy(plane), device).to(torch.float32)
    # CUDA has few kernels for uint16. With its highest bit flipped and read as int16, a sample is less by 1 << 15.
    bits = to_device(torch.from_numpy(plane.view(np.int16)), device)
    return bits.bitwise_xor(-1 << 15).to(torch.float32).add_(1 << 15)


def _normalized(codes_HW: Tensor, zero: float, one: float) -> Tensor:
    """The samples with `zero` mapped to 0 and `zero + one` to 1, in place."""
    return codes_HW.sub_(zero).mul_(1.0 / one)


# ---- from RGB --------------------------------------------------------------------------------------------------------


def from_rgb(rgb_CHW: Tensor, output: PixelFormat, spec: ColorSpec) -> Picture:
    """RGB [3, H, W] as samples, rounded to the nearest and clipped to 0 and the maximum of a sample; limited range
    keeps its headroom."""
    return picture_of(to_cpu(*planes_from_rgb(rgb_CHW, output, spec)), output)


def planes_from_rgb(rgb_CHW: Tensor, output: PixelFormat, spec: ColorSpec) -> tuple[Tensor, ...]:
    """The planes of `from_rgb` on the device of the RGB, as uint8, or as int16 with the bits of uint16."""
    scaling = spec.output_scaling(output)
    if output.model == "rgb":
        r, g, b = (_rounded(plane_HW, scaling.black, scaling.luma_span, output) for plane_HW in rgb_CHW)
        return g, b, r
    luma_HW = (rgb_CHW[1] * spec.kg).add_(rgb_CHW[0] * spec.kr).add_(rgb_CHW[2] * spec.kb)
    luma = _rounded(luma_HW, scaling.black, scaling.luma_span, output)
    if output.model == "gray":
        return (luma,)
    blue_red_2HW = rgb_CHW[0:3:2].flip(0).sub_(luma_HW)
    blue_hw, red_hw = resample_chroma(blue_red_2HW, (0, 0), output, spec)
    blue = _rounded(blue_hw, scaling.neutral, scaling.chroma_span / (2 * (1 - spec.kb)), output)
    red = _rounded(red_hw, scaling.neutral, scaling.chroma_span / (2 * (1 - spec.kr)), output)
    return luma, blue, red


def picture_of(planes: Sequence[Tensor], form: PixelFormat) -> Picture:
    """The picture whose planes are those of `planes_from_rgb`, on the CPU. It shares their memory."""
    return Picture(format=form, planes=tuple(map(_samples, planes)))


def _samples(plane: Tensor) -> Samples:
    codes: Samples = plane.numpy() if plane.dtype == torch.uint8 else plane.numpy().view(np.uint16)
    return codes


def resample_chroma(chroma_Chw: Tensor, shifts: tuple[int, int], output: PixelFormat, spec: ColorSpec) -> Tensor:
    """Downsample chroma planes, already halved `shifts` times, to the output's subsampling.

    Each doubling that the source's chroma went through is undone exactly. Halvings beyond that are low-pass
    filtered.
    """
    doublings = spec.chroma_shift_x - shifts[0], spec.chroma_shift_y - shifts[1]
    wanted = output.chroma_shift_x - shifts[0], output.chroma_shift_y - shifts[1]
    return downsample_chroma(
        chroma_Chw, spec.chroma_location, _halvings(doublings[0], wanted[0]), _halvings(doublings[1], wanted[1])
    )


def _halvings(doublings: int, wanted: int) -> list[Halving]:
    """One function per halving: `undo_upsample` as often as the source was doubled, then `downsample`."""
    return [undo_upsample if number < doublings else downsample for number in range(wanted)]


def to_samples(values_HW: Tensor, zero: float, one: float, form: PixelFormat) -> Samples:
    """Samples in the format's type, from `values_HW * one + zero` rounded and clipped. `values_HW` is not modified, and
    is on the CPU."""
    return _samples(_rounded(values_HW, zero, one, form))


def _rounded(values_HW: Tensor, zero: float, one: float, form: PixelFormat) -> Tensor:
    """What `to_samples` returns, as `planes_from_rgb` returns it."""
    codes_HW = (values_HW * one).add_(zero).round_().clamp_(0, form.max_value)
    whole = codes_HW.to(torch.uint8) if form.bit_depth == 8 else codes_HW.to(torch.int32).to(torch.int16)
    return whole.contiguous()
