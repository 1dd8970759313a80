"""How a job shares the cores of this machine between workers. By default it uses all of them."""

from dataclasses import dataclass

from slomo_batch.plan.encoder_options import THREADS as ENCODER_THREADS

MOST_CORES = 8
"""The most cores of a worker whose number the manifest does not set: beyond it, its threads wait for one another."""


def cores_beside_gpu(num_cores: int, workers: int) -> int:
    """How many cores of this machine each worker with a GPU takes, if the manifest does not set it: all but one of its
    share, which is left for steps."""
    return max(1, num_cores // workers - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreShares:
    """Workers on a machine, and what each of them has."""

    workers: int
    cores: int
    """Cores of each worker: pairs that it makes at once."""

    @property
    def slots(self) -> int:
        """Chunks that each worker holds at a time."""
        return chunks_at_once(self.cores)


def chunks_beside_gpu(cores: int) -> int:
    """How many chunks a worker with a GPU holds at a time.

    The pairs of one chunk keep the GPU busy, but its encoder runs on few threads. So there are enough encoders for all
    cores, and at least two chunks, because one is fetched, verified or stored while the other is computed.
    """
    return max(2, -(-cores // ENCODER_THREADS))


def chunks_at_once(cores: int) -> int:
    """How many chunks a worker without a GPU holds at a time.

    Pairs of one chunk can keep all cores busy, but not while the chunk is fetched, finished, verified and stored.
    """
    return max(min(2, cores), cores // 2)


def share_cores(num_cores: int, *, min_workers: int, max_workers: int, cpus_per_worker: int | None) -> CoreShares:
    """Share the cores of a machine.

    `cpus_per_worker` is what the manifest sets; None: as few workers as keep all cores busy.
    """
    wanted = -(-num_cores // MOST_CORES) if cpus_per_worker is None else num_cores // cpus_per_worker
    workers = max(1, min_workers, min(max_workers, wanted))
    return CoreShares(workers=workers, cores=max(1, cpus_per_worker or num_cores // workers))
