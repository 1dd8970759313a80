"""Facts about EC2's usual instance types: CPUs, memory, GPUs, architecture. From AWS's public tables of instance types.

EC2 describes its types only to those who have credentials, and botocore has no such table.
"""

import re
from dataclasses import dataclass

_GPUS_OF_G = {**dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1), "12xlarge": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """What a machine of a type has."""

    vcpus: int
    memory_gib: float
    gpus: int = 0
    architecture: str = "x86_64"
    has_cuda: bool = False
    """Whether its GPUs are NVIDIA's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _GpuFamily:
    gib_per_vcpu: float
    gpus: dict[str, int]
    """Number of GPUs by size."""
    architecture: str = "x86_64"
    has_cuda: bool = True


_GPU_FAMILIES = {
    "g4dn": _GpuFamily(gib_per_vcpu=4, gpus=_GPUS_OF_G),
    "g4ad": _GpuFamily(
        gib_per_vcpu=4,
        gpus={"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 2, "16xlarge": 4},
        has_cuda=False,
    ),
    "g5": _GpuFamily(gib_per_vcpu=4, gpus={**_GPUS_OF_G, "24xlarge": 4, "48xlarge": 8}),
    "g5g": _GpuFamily(
        gib_per_vcpu=2,
        gpus={"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "16xlarge": 2},
        architecture="arm64",
    ),
    "g6": _GpuFamily(gib_per_vcpu=4, gpus={**_GPUS_OF_G, "24xlarge": 4, "48xlarge": 8}),
    "g6e": _GpuFamily(gib_per_vcpu=8, gpus={**_GPUS_OF_G, "24xlarge": 4, "48xlarge": 8}),
    "gr6": _GpuFamily(gib_per_vcpu=8, gpus={"4xlarge": 1, "8xlarge": 1}),
    "p3": _GpuFamily(gib_per_vcpu=7.625, gpus={"2xlarge": 1, "8xlarge": 4, "16xlarge": 8}),
    "p4d": _GpuFamily(gib_per_vcpu=12, gpus={"24xlarge": 8}),
    "p4de": _GpuFamily(gib_per_vcpu=12, gpus={"24xlarge": 8}),
    "p5": _GpuFamily(gib_per_vcpu=2048 / 192, gpus={"48xlarge": 8}),
    "p5e": _GpuFamily(gib_per_vcpu=2048 / 192, gpus={"48xlarge": 8}),
    "p5en": _GpuFamily(gib_per_vcpu=2048 / 192, gpus={"48xlarge": 8}),
}
_BURSTABLE = {"t3": "x86_64", "t3a": "x86_64", "t4g": "arm64"}
_BURSTABLE_SIZES = {
    "nano": (2, 0.5),
    "micro": (2, 1.0),
    "small": (2, 2.0),
    "medium": (2, 4.0),
    "large": (2, 8.0),
    "xlarge": (4, 16.0),
    "2xlarge": (8, 32.0),
}
_GENERAL = re.compile(r"(?P<kind>[cmr])[5-8](?P<maker>[aig]?)d?(-flex)?")
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}


def instance_type(name: str) -> InstanceType | None:
    """The facts about a type such as g6.2xlarge; None if it is not in the table."""
    family, _, size = name.partition(".")
    if family in _BURSTABLE and size in _BURSTABLE_SIZES:
        vcpus, memory_gib = _BURSTABLE_SIZES[size]
        return InstanceType(vcpus=vcpus, memory_gib=memory_gib, architecture=_BURSTABLE[family])
    num_vcpus = _vcpus(size)
    gpu, general = _GPU_FAMILIES.get(family), _GENERAL.fullmatch(family)
    if gpu and size in gpu.gpus:
        return InstanceType(
            vcpus=num_vcpus,
            memory_gib=num_vcpus * gpu.gib_per_vcpu,
            gpus=gpu.gpus[size],
            architecture=gpu.architecture,
            has_cuda=gpu.has_cuda,
        )
    if general and num_vcpus:
        architecture = "arm64" if general["maker"] == "g" else "x86_64"
        memory_gib = num_vcpus * _GIB_PER_VCPU[general["kind"]]
        return InstanceType(vcpus=num_vcpus, memory_gib=memory_gib, architecture=architecture)
    return None


def quota_of(name: str) -> str:
    """The group of types with which a type shares EC2's quota of vCPUs; "" if it is not known here."""
    letters = re.match("[a-z]+", name)
    family = letters[0] if letters else ""
    if family in {"g", "gr", "vt"}:
        return "G and VT"
    if family == "p":
        return "P"
    return "Standard" if family in set("acdhimrtz") else ""


def _vcpus(size: str) -> int:
    """How many vCPUs a size has in most families; 0 for sizes of other forms, such as metal."""
    found = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(found[1] or 1) if found else {"medium": 1, "large": 2}.get(size, 0)
