"""Needs: what a worker must be able to do to make the chunks of a job's videos, as their plans say. Pure."""

from dataclasses import dataclass

from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.plan.tiles import pair_bytes
from slomo_batch.records.plans import VideoPlan
from slomo_batch.settings import Interpolate, Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What every worker of a job must be able to do. By default nothing that some machine lacks."""

    encoders: frozenset[str] = frozenset()
    """Encoders of NVENC. Those in software work everywhere."""
    precisions: frozenset[Precision] = frozenset()
    """Number types of convolutions."""
    gpu: bool = False
    """Whether networks make batches that suit a GPU."""
    memory_bytes: int = 0
    """What one pair takes, if its frames are made whole because that fits into the memory that the job pinned; else
    0."""

    @classmethod
    def of(cls, plan: VideoPlan, interpolate: Interpolate, pin: JobPin) -> "Needs":
        """What the chunks of one video need. `interpolate` is its section of the manifest, by whose words `pin` names
        the weights."""
        resolved, weights = plan.resolved, pin.weights_of(interpolate)
        encoder = ENCODERS.get(resolved.encoder)
        has_network = bool(resolved.weights_sha256)
        fits_the_pin = interpolate.tiles == "auto" and pin.memory_bytes > 0 and not resolved.tile_px
        whole_px = plan.facts.width * plan.facts.height if fits_the_pin else 0
        return cls(
            encoders=frozenset({encoder.name} if encoder is not None and encoder.is_nvenc else ()),
            precisions=frozenset({resolved.precision} if has_network else ()),
            gpu=pin.gpu_batches and has_network,
            memory_bytes=pair_bytes(weights.network, whole_px, resolved.precision) if weights else 0,
        )

    @property
    def are_met_everywhere(self) -> bool:
        """Whether no machine lacks any of it."""
        return not (self.encoders or self.gpu or self.memory_bytes or self.precisions - {"fp32"})

    def __or__(self, other: "Needs") -> "Needs":
        """What both need."""
        return Needs(
            encoders=self.encoders | other.encoders,
            precisions=self.precisions | other.precisions,
            gpu=self.gpu or other.gpu,
            memory_bytes=max(self.memory_bytes, other.memory_bytes),
        )
