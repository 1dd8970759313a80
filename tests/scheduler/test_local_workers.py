"""How the cores of this machine are shared between workers."""

import pytest

from slomo_batch.scheduler.local_workers import (
    CoreShares,
    chunks_at_once,
    chunks_beside_gpu,
    cores_beside_gpu,
    share_cores,
)


@pytest.mark.parametrize(
    ("num_cores", "workers", "cores"), [(1, 1, 1), (2, 1, 2), (8, 1, 8), (9, 2, 4), (16, 2, 8), (64, 8, 8), (96, 8, 12)]
)
def test_by_default_all_cores_are_used(num_cores: int, workers: int, cores: int) -> None:
    shares = share_cores(num_cores, min_workers=0, max_workers=8, cpus_per_worker=None)
    assert shares == CoreShares(workers=workers, cores=cores)


@pytest.mark.parametrize(
    ("num_cores", "most", "cpus", "workers"), [(2, 8, 1, 2), (16, 8, 1, 8), (16, 8, 4, 4), (2, 8, 4, 1), (16, 1, 1, 1)]
)
def test_the_manifest_sets_the_cores_of_a_worker(num_cores: int, most: int, cpus: int, workers: int) -> None:
    shares = share_cores(num_cores, min_workers=0, max_workers=most, cpus_per_worker=cpus)
    assert shares == CoreShares(workers=workers, cores=cpus)


def test_a_limit_of_workers_leaves_no_core_idle_unless_the_manifest_sets_their_cores() -> None:
    assert share_cores(16, min_workers=0, max_workers=1, cpus_per_worker=None) == CoreShares(workers=1, cores=16)
    assert share_cores(4, min_workers=3, max_workers=8, cpus_per_worker=None) == CoreShares(workers=3, cores=1)


def test_a_worker_of_one_core_holds_one_chunk_and_larger_ones_some() -> None:
    assert [chunks_at_once(cores) for cores in (1, 2, 3, 4, 8, 16)] == [1, 2, 2, 2, 4, 8]


def test_a_worker_with_a_gpu_leaves_one_core_of_its_share_for_steps() -> None:
    assert [cores_beside_gpu(cores, workers) for cores, workers in ((1, 1), (8, 1), (16, 1), (16, 2), (4, 8))] == [
        1,
        7,
        15,
        7,
        1,
    ]


def test_a_worker_with_a_gpu_has_encoders_for_all_its_cores() -> None:
    assert [chunks_beside_gpu(cores) for cores in (1, 2, 7, 8, 15, 32)] == [2, 2, 2, 2, 4, 8]
