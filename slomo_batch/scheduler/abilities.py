"""Abilities: what a worker can do, as its machine shows."""

from dataclasses import dataclass

from slomo_batch.plan.encoders import NVENC
from slomo_batch.plan.job_pin import Basis
from slomo_batch.settings import Precision

THREADS = 1
"""Threads of torch for one pair. They are part of the numeric class; more cores make more pairs at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a worker of this job can do; found once, stored with the job."""

    precision: Precision
    has_gpu: bool = False
    nvenc: tuple[str, ...] = ()
    """The encoders of NVENC that were tried and work. GPUs for data centers may have none, older ones lack AV1."""
    memory_bytes: int = 0
    """Memory of its GPU, or of its machine if it has none; 0 if unknown."""


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
    """What this process can do."""
    from slomo_batch.interpolators.device import (  # noqa: PLC0415 loads torch
        device_kind,
        supported_precision,
        total_memory,
    )
    from slomo_batch.media.encode import encoder_works  # noqa: PLC0415 loads PyAV

    return Abilities(
        precision=supported_precision(),
        has_gpu=device_kind() == "cuda",
        nvenc=tuple(encoder for encoder in NVENC if encoder_works(encoder)),
        memory_bytes=total_memory(),
    )
