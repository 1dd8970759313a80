"""The choice of a job's machines, as far as it needs no running cluster."""

import socket
from fractions import Fraction
from pathlib import Path

import pytest

from slomo_batch.errors import ClusterError
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.machines import ClusterSettings, _worker_needs, inline_notes, open_machines
from slomo_batch.settings import Cluster
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment


def test_an_address_where_nothing_listens_is_reported_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        cluster = ClusterSettings.of(Cluster(address=address))
        environment = JobEnvironment(work_uri=Uri(tmp_path), job="job")
        with pytest.raises(ClusterError, match=r"no Ray cluster answers.*refused"), open_machines(cluster, environment):
            pass


@pytest.mark.parametrize(
    ("section", "num_gpus", "is_local", "expected"),
    [
        (Cluster(), 0, False, {"max_workers": 8, "num_gpus": 0, "num_cpus": 1, "slots": 1, "cores": 1}),
        (Cluster(cpus_per_worker=4), 0, False, {"num_gpus": 0, "num_cpus": 4, "slots": 2, "cores": 4}),
        (Cluster(), 2, False, {"num_gpus": 1, "num_cpus": 1, "slots": 2, "cores": 2}),
        (Cluster(cpus_per_worker=6), 2, False, {"num_gpus": 1, "num_cpus": 6, "slots": 2, "cores": 6}),
        (Cluster(gpus_per_worker=Fraction(1, 4)), 0, False, {"num_gpus": 0.25, "num_cpus": 1, "slots": 2}),
        (
            Cluster(),
            0,
            True,
            {"max_workers": 2, "min_workers": 1, "num_gpus": 0, "num_cpus": 0, "slots": 4, "cores": 8},
        ),
        (Cluster(), 1, True, {"num_gpus": 1, "num_cpus": 0, "slots": 4, "cores": 15}),
        (Cluster(gpus_per_worker=Fraction(1, 2)), 1, True, {"num_gpus": 0.5, "num_cpus": 0, "cores": 7}),
        (Cluster(cpus_per_worker=3), 1, True, {"num_gpus": 1, "num_cpus": 0, "slots": 2, "cores": 3}),
        (Cluster(gpus_per_worker=Fraction(0)), 1, True, {"num_gpus": 0, "num_cpus": 0, "cores": 8}),
    ],
)
def test_what_a_worker_takes(
    section: Cluster, num_gpus: float, *, is_local: bool, expected: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine of 16 cores, or on a cluster."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(16))
    needs = _worker_needs(ClusterSettings.of(section), is_local=is_local, num_gpus=num_gpus)
    assert {name: getattr(needs, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("num_gpus", "cores", "share"), [(0, 1, 1 / 16), (0, 8, 0.5), (0, 99, 1), (0.25, 1, 0.25), (1, 1, 1), (2, 1, 1)]
)
def test_workers_of_one_machine_share_its_memory(num_gpus: float, cores: int, share: float) -> None:
    needs = WorkerNeeds(min_workers=0, max_workers=9, num_gpus=num_gpus, num_cpus=0, slots=1, cores=cores, hang_s=3600)
    assert needs.share_of(16) == share


def test_a_job_in_one_process_says_that_it_uses_one_gpu_of_several() -> None:
    assert inline_notes(0) == inline_notes(1) == ()
    assert "computes on one of 4 GPUs" in inline_notes(4)[0]
