"""What torch finds on this machine: instruction sets, GPUs, and the CUDA that it was built for."""

from dataclasses import dataclass
from pathlib import Path

import torch

from slomo_batch.interpolators.device import device_name, supported_precision

_DRIVER = Path("/proc/driver/nvidia/version")
"""Exists where the driver of NVIDIA is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU."""

    name: str
    memory_bytes: int
    capability: tuple[int, int]
    """CUDA compute capability."""
    is_supported: bool
    """Whether this build of torch has code for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """What computes the frames here."""

    device: str
    """The model of the device that is used."""
    precision: str
    """What `interpolate.precision: auto` means on it."""
    cpu_capability: str
    """The widest instruction set that torch uses: DEFAULT, AVX2, AVX512."""
    torch: str
    cuda: str
    """Version of CUDA that torch was built for; empty for a build for CPUs."""
    has_driver: bool
    """Whether the driver of a GPU is loaded."""
    gpus: tuple[Gpu, ...]


def report_device() -> DeviceReport:
    """Return what torch finds here."""
    has_cuda = torch.cuda.is_available()
    return DeviceReport(
        device=device_name(),
        precision=supported_precision(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        torch=torch.__version__,
        cuda=torch.version.cuda or "",
        has_driver=_DRIVER.exists(),
        gpus=tuple(map(_gpu, range(torch.cuda.device_count()))) if has_cuda else (),
    )


def _gpu(number: int) -> Gpu:
    facts = torch.cuda.get_device_properties(number)
    names = (name for name in torch.cuda.get_arch_list() if name.startswith("sm_"))
    built_for = {int(name.removeprefix("sm_").rstrip("abcdef")) // 10 for name in names}
    return Gpu(
        name=facts.name,
        memory_bytes=facts.total_memory,
        capability=(facts.major, facts.minor),
        is_supported=facts.major in built_for,
    )
