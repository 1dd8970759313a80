"""Opening an interpolator from a picklable spec, in the process that will run it; and what this machine can do.

What is opened is decided by the spec alone. Nothing here tunes itself: the same spec on the same device gives the same
bits.
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
"""CUDA compute capability from which bf16 is done in hardware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpolatorSpec:
    """Everything that decides an interpolator."""

    method: Method
    weights_path: str = ""
    """A local weights file; empty where the method has none."""
    precision: Precision = "fp32"
    flow_scale: Fraction = Fraction(1)
    """Resolution at which flow is found: 1 / n of the picture's."""
    pyramid_levels: int = 1
    """Levels of the coarse-to-fine flow; networks without a pyramid take no notice."""
    threads: int = 1
    """Threads that torch uses on the CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a CUDA device where there is one."""


PIXEL_PACKAGES = ("opencv-python-headless", "av")
"""What makes the pixels of flow and of mci."""


def method_context(method: Method) -> int:
    """Source frames beyond a pair, on either side, that the method reads."""
    return mci.CONTEXT if method == "mci" else 0


def open_interpolator(spec: InterpolatorSpec) -> AnyInterpolator:
    """The interpolator the spec describes, ready to run.

    Raises:
        WeightsError: the weights file cannot be used.
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
    """No algorithm is chosen by trying, and fp32 is fp32: cuDNN would otherwise round it to TF32."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False


def _device() -> Literal["cpu", "cuda"]:
    return "cuda" if torch.cuda.is_available() else "cpu"


def supported_precision() -> Precision:
    """What `precision: auto` means on this machine: the number type its device convolves fastest.

    On CPUs that is bf16 only where there are tiles for it (AMX); by AVX-512 alone it takes twice as long as fp32.
    """
    if _device() == "cuda":
        return "bf16" if torch.cuda.get_device_capability() >= BF16_CAPABILITY else "fp16"
    return "bf16" if torch.cpu._is_amx_tile_supported() else "fp32"  # noqa: SLF001 no public name


@cache
def device_name() -> str:
    """The model of the device that `auto` runs on."""
    if _device() == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def builds() -> str:
    """Versions of slomo-batch and of the libraries that make pixels, and the instructions they choose."""
    parts = [f"slomo-batch {__version__}", f"pixel revision {PIXEL_REVISION}"]
    parts += [f"torch {torch.__version__}", f"numpy {np.__version__}"]
    parts += [f"{name} {version(name)}" for name in PIXEL_PACKAGES]
    if _device() == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        parts += [f"cuda {torch.version.cuda}", f"cudnn {cudnn}"]
    return "; ".join([*parts, torch.backends.cpu.get_cpu_capability()])
