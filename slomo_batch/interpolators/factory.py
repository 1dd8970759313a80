"""Open an interpolator from a picklable spec in the process that runs it; and describe this machine.

The spec alone decides the interpolator, and nothing is autotuned: the same spec on the same device gives the same bits.
"""

import platform
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from slomo_batch import __version__
from slomo_batch.interpolators import mci
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.superslomo.inference import SuperSlomo, use_threads
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.settings import Method, Precision

BF16_CAPABILITY = (8, 0)
"""First CUDA compute capability with bf16 in hardware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpolatorSpec:
    """Everything that decides an interpolator."""

    method: Method
    weights_path: str = ""
    """A local weights file; empty if the method has no weights."""
    precision: Precision = "fp32"
    """Of the convolutions of a network."""
    flow_scale: Fraction = Fraction(1)
    """Resolution of flow estimation, 1 / n of the picture."""
    pyramid_levels: int = 1
    """Levels of the coarse-to-fine flow pyramid; ignored by networks without one."""
    threads: int = 1
    """Threads that torch uses on the CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a CUDA device if there is one."""


PIXEL_PACKAGES = ("opencv-python-headless", "av")
"""The packages that compute the pixels of `flow` and `mci`."""


def method_context(method: Method) -> int:
    """Return the number of source frames that the method reads beyond a pair, on either side."""
    return mci.CONTEXT if method == "mci" else 0


def open_interpolator(spec: InterpolatorSpec) -> AnyInterpolator:
    """Open the interpolator that the spec describes.

    Raises:
        WeightsError: the weights file cannot be used.
        ValueError: flow_scale is not 1 / n.
    """
    use_threads(spec.threads)
    if spec.method == "duplicate":
        return Duplicate()
    if spec.method == "blend":
        return Blend()
    if spec.method == "mci":
        return mci.Mci()
    if spec.method == "flow":
        return Flow(spec.flow_scale)
    _set_deterministic_numerics()
    weights = load(Path(spec.weights_path))
    network = weights.build_network(pyramid_levels=spec.pyramid_levels)
    device = torch.device(_device() if spec.device == "auto" else spec.device)
    return SuperSlomo(
        network, device=device, precision=spec.precision, flow_scale=spec.flow_scale, threads=spec.threads
    )


def _set_deterministic_numerics() -> None:
    """Disable cuDNN's autotuning, and TF32, to which cuDNN would otherwise round fp32."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False


def _device() -> Literal["cpu", "cuda"]:
    return "cuda" if torch.cuda.is_available() else "cpu"


def supported_precision() -> Precision:
    """Return the precision that `auto` means on this machine: the fastest one for convolutions on its device.

    On CPUs this is bf16 only with AMX tiles; with AVX-512 alone bf16 takes twice as long as fp32.
    """
    if _device() == "cuda":
        return "bf16" if torch.cuda.get_device_capability() >= BF16_CAPABILITY else "fp16"
    return "bf16" if torch.cpu._is_amx_tile_supported() else "fp32"  # noqa: SLF001 not public


@cache
def device_name() -> str:
    """Return the model name of the device that `auto` selects."""
    if _device() == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def builds() -> str:
    """Return the versions of slomo-batch and of the libraries that compute pixels, and the CPU instruction set."""
    parts = [f"slomo-batch {__version__}", f"pixel revision {PIXEL_REVISION}"]
    parts += [f"torch {torch.__version__}", f"numpy {np.__version__}"]
    parts += [f"{name} {version(name)}" for name in PIXEL_PACKAGES]
    if _device() == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        parts += [f"cuda {torch.version.cuda}", f"cudnn {cudnn}"]
    return "; ".join([*parts, torch.backends.cpu.get_cpu_capability()])
