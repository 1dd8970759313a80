"""Abilities: what a worker can do, as its machine shows, and what it lacks of what a job needs."""

from dataclasses import dataclass

from slomo_batch.plan.encoders import NVENC
from slomo_batch.plan.job_pin import Basis
from slomo_batch.plan.needs import Needs
from slomo_batch.report.units import size
from slomo_batch.settings import Precision

THREADS = 1
"""Threads of torch for one pair. They are part of the numeric class; more cores make more pairs at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a worker can do. A job stores those of its first worker; every other worker is compared with its needs."""

    precision: Precision
    """The fastest one."""
    precisions: tuple[Precision, ...] = ("fp32", "bf16", "fp16")
    """All that were tried and work."""
    has_gpu: bool = False
    nvenc: tuple[str, ...] = ()
    """The encoders of NVENC that were tried and work. GPUs for data centers may have none, older ones lack AV1."""
    memory_bytes: int = 0
    """Memory of its GPU, or of its machine if it has none; 0 if unknown."""
    device: str = ""
    """Model name of its GPU, or of its CPU if it has none."""
    machine_type: str = ""
    """Type of its machine, by the name that the cluster's configuration gives it; empty if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """An ability that a worker lacks."""

    what: str
    """As the object of "lacks"."""
    setting: str = ""
    """The setting with which a new job does not need it; empty if there is none."""


def missing(needs: Needs, abilities: Abilities) -> tuple[Lack, ...]:
    """What a worker with these abilities lacks of what a job needs; nothing if it can work."""
    if needs.gpu and not abilities.has_gpu:
        return (Lack(what="a GPU that torch can use"),)
    encoders = sorted(needs.encoders - set(abilities.nvenc))
    precisions = sorted(needs.precisions - set(abilities.precisions))
    lacks = [Lack(what=name, setting="encode.encoder: software") for name in encoders]
    lacks += [Lack(what=f"{name} arithmetic", setting="interpolate.precision: fp32") for name in precisions]
    if 0 < abilities.memory_bytes < needs.memory_bytes:
        lacks.append(Lack(what=f"{size(needs.memory_bytes)} of memory", setting="interpolate.tiles: always"))
    return tuple(lacks)


def basis_of(abilities: Abilities) -> Basis:
    """What the first run of a job stores about its machines."""
    return Basis(
        precision=abilities.precision,
        threads=THREADS,
        nvenc_works=abilities.nvenc == NVENC,
        gpu_batches=abilities.has_gpu,
        some_nvenc="" if abilities.nvenc == NVENC else " ".join(abilities.nvenc),
        memory_bytes=abilities.memory_bytes,
    )


def probe_abilities() -> Abilities:
    """What this process can do. It does not know the type of its machine."""
    from slomo_batch.interpolators.device import (  # noqa: PLC0415 loads torch
        device_kind,
        device_name,
        supported_precision,
        total_memory,
        working_precisions,
    )
    from slomo_batch.media.encode import encoder_works  # noqa: PLC0415 loads PyAV

    return Abilities(
        precision=supported_precision(),
        precisions=working_precisions(),
        has_gpu=device_kind() == "cuda",
        nvenc=tuple(encoder for encoder in NVENC if encoder_works(encoder)),
        memory_bytes=total_memory(),
        device=device_name(),
    )
