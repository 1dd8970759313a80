"""Several machines share no disk: what all of them need is on S3, or is refused."""

from collections.abc import Iterable

from slomo_batch.errors import ManifestError
from slomo_batch.storage.uris import is_s3


def machines_to_expect(num_alive: int, num_cpus: float) -> int:
    """How many machines will work on a job: a head without CPUs does none, so machines yet to be started will."""
    return max(num_alive, 1 if num_cpus else 2)


def check_no_local_paths(num_machines: int, places: Iterable[str]) -> None:
    """Nothing that several machines need is on the disk of one.

    Raises:
        ManifestError: something is.
    """
    local = sorted({place for place in places if not is_s3(place)})
    if local and num_machines > 1:
        raise ManifestError(
            f"the cluster has {num_machines} machines, which cannot share a local disk",
            where=local[0],
            remedy="Put inputs, work and outputs on S3, or set cluster.address: local.",
        )


def check_absolute_paths(places: Iterable[str]) -> None:
    """Every place on a disk is told as the only machine of a cluster elsewhere finds it: by its whole path.

    Raises:
        ManifestError: one is told as this machine finds it.
    """
    here = sorted({place for place in places if not is_s3(place) and not place.startswith(("/", "file:"))})
    if here:
        raise ManifestError(
            "is a path on this machine, and the cluster is another",
            where=here[0],
            remedy="Put it on S3, or write the whole path that it has there, beginning with /.",
        )
