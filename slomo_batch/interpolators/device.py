"""The device that interpolates on this machine: its name, its best precision, and the builds that compute pixels."""

import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.settings import Precision
from slomo_batch.version import __version__

DTYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BF16_CAPABILITY = (8, 0)
"""First CUDA compute capability with bf16 in hardware."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""The bytes that all processes of the control group may take."""
PIXEL_PACKAGES = ("opencv-python-headless", "av")
"""The packages that compute the pixels of `flow` and `mci`."""
NVIDIA_DRIVER = Path("/sys/module/nvidia/version")
"""Linux: the version of NVIDIA's kernel module, whose compiler makes the code of kernels."""


def device_kind() -> Literal["cpu", "cuda"]:
    """Return the kind of device that `auto` selects."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def num_gpus() -> int:
    """Return how many GPUs this process sees. A process computes on the first one."""
    return torch.cuda.device_count()


def free_device_memory() -> int | None:
    """Return the free bytes of the GPU that `auto` selects; None if it selects the CPU."""
    return torch.cuda.mem_get_info()[0] if device_kind() == "cuda" else None


def total_memory() -> int:
    """Return the bytes of the GPU that `auto` selects, else those that this process may take of the machine; 0 if
    unknown."""
    if device_kind() == "cuda":
        return torch.cuda.mem_get_info()[1]
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # there is no control group, or its limit is "max"
        return machine


def use_threads(threads: int) -> None:
    """Set the number of CPU threads that torch uses in the calling thread."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def supported_precision() -> Precision:
    """Return the precision that `auto` means on this machine: the fastest one for convolutions on its device.

    On CPUs this is bf16 only with AMX tiles; with AVX-512 alone bf16 takes twice as long as fp32.
    """
    if device_kind() == "cuda":
        return "bf16" if torch.cuda.get_device_capability() >= BF16_CAPABILITY else "fp16"
    return "bf16" if torch.cpu._is_amx_tile_supported() else "fp32"  # noqa: SLF001 not public


def working_precisions() -> tuple[Precision, ...]:
    """Return the precisions in which this machine's device computes a convolution: each is tried."""
    return tuple(precision for precision, dtype in DTYPES.items() if _convolves(dtype))


def _convolves(dtype: torch.dtype) -> bool:
    try:
        pixels = torch.ones(1, 8, 8, 8, dtype=dtype, device=device_kind())
        made = torch.nn.functional.conv2d(pixels, pixels[:, :, :3, :3], padding=1)
        return bool(made[0, 0, 4, 4] == 72)
    except RuntimeError:  # so torch says that a device has no kernel for it
        return False


@cache
def device_name() -> str:
    """Return the model name of the device that `auto` selects."""
    if device_kind() == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def builds(method_version: str = "") -> str:
    """Return the versions of slomo_batch, of the libraries that compute pixels and of the GPU's driver, and the CPU
    instruction set.

    `method_version`: that of a method of another package.
    """
    parts = [f"slomo-batch {__version__}", f"pixel revision {PIXEL_REVISION}"]
    parts += [f"torch {torch.__version__}", f"numpy {np.__version__}"]
    parts += [f"{name} {version(name)}" for name in PIXEL_PACKAGES]
    if device_kind() == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        parts += [f"cuda {torch.version.cuda}", f"cudnn {cudnn}", *_driver()]
    parts += [method_version] if method_version else []
    return "; ".join([*parts, torch.backends.cpu.get_cpu_capability()])


def _driver() -> list[str]:
    """The version of the GPU's driver, if it can be read."""
    try:
        return [f"nvidia driver {NVIDIA_DRIVER.read_text().strip()}"]
    except OSError:
        return []
