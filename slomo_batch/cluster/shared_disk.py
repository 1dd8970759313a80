"""What several machines need must be on S3, or in a folder that they share."""

from collections.abc import Iterable, Sequence

from slomo_batch.errors import ManifestError
from slomo_batch.uri import FILE_SCHEME, Uri, normalize


def machines_to_expect(num_alive: int, num_cpus: float) -> int:
    """How many machines will work on a job. A head without CPUs does not, so machines that start later will."""
    return max(num_alive, 1 if num_cpus else 2)


def check_no_local_paths(num_machines: int, local_paths: Iterable[str], *, shared: Sequence[str] = ()) -> None:
    """Check that nothing that several machines need is on the disk of one.

    `local_paths` is everything that is not on S3, as it is written; `shared` are the folders that all machines see.

    Raises:
        ManifestError: something is.
    """
    first = min((path for path in local_paths if not Uri(normalize(path)).is_shared(shared)), default="")
    if first and num_machines > 1:
        raise ManifestError(
            f"the cluster has {num_machines} machines, which cannot share a local disk",
            where=first,
            remedy="Put inputs, work and outputs on S3, or in a folder that all machines see and storage.shared names. "
            "Or set cluster.address: local.",
        )


def check_absolute_paths(local_paths: Iterable[str]) -> None:
    """Check that all local paths are absolute: the only machine of another cluster resolves them, not this one.

    Raises:
        ManifestError: one is relative to this machine's folders.
    """
    first = min((path for path in local_paths if not path.startswith(("/", FILE_SCHEME))), default="")
    if first:
        raise ManifestError(
            "is a path on this machine, but the job runs on a cluster elsewhere",
            where=first,
            remedy="Put it on S3, or write its absolute path there, beginning with /.",
        )
