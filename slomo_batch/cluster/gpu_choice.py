"""Whether workers take GPUs on a cluster that starts machines on demand: the manifest must say it.

Such a cluster has no GPU at first. A job that does not set the number would run on CPUs, at many times the cost, and
would stay on CPUs in every later run.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from slomo_batch.cluster.demand import Resources
from slomo_batch.errors import ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a cluster offers, regarding GPUs."""

    num_gpus: float
    """Of all live machines."""
    head_has_cpus: bool
    """False if the head leaves all work to machines that an autoscaler starts."""
    types: tuple[Resources, ...] = ()
    """Resources of each type of machine that an autoscaler may start; empty if none reports its types."""


def check_gpu_choice(offer: Offer, *, gpus_per_worker: float, is_in_manifest: bool) -> None:
    """Accept a job if its manifest sets the GPUs of a worker, or the cluster has enough GPUs now.

    Raises:
        ManifestError: the manifest does not set them, and the cluster may start machines with GPUs.
    """
    if is_in_manifest or offer.num_gpus >= gpus_per_worker > 0:
        return
    if not offer.head_has_cpus or _any_has_gpus(offer.types):
        raise ManifestError(
            "cluster.gpus_per_worker is not set, and this cluster starts its machines on demand",
            remedy="Set it to 1 to run on GPU machines, or to 0 to run on CPUs.",
        )


def _any_has_gpus(types: Iterable[Resources]) -> bool:
    return any(resources.get("GPU", 0) > 0 for resources in types)
