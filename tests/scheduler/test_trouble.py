"""Trouble on a cluster: no video is given up, and no worker lost, for a fault that is not its own.

An expected failure names its finding in the review of a cluster of a thousand GPUs; who mends it removes the mark.
"""

from random import Random

import botocore.exceptions as boto
import pytest

from slomo_batch.attempts import Errored
from slomo_batch.errors import SegmentInvalid, StorageBusy
from slomo_batch.scheduler.calls import ChunkCall, Outcome, TaskCall
from slomo_batch.storage.s3_errors import storage_error
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import Said, Scenario, VirtualRay, finished, made


def machines(kind: str, number: int) -> list[str]:
    """Names of machines of a kind."""
    return [f"{kind} {place}" for place in range(number)]


# ---- machines without a capability ----------------------------------------------------------------------------------


def job_on_a_mixture(num_incapable: int, patch: pytest.MonkeyPatch, *, num_videos: int = 40) -> VirtualJob:
    """18 machines, of which some refuse each chunk within a second, although they say that they can make it; the others
    take ten. For machines that say what they lack, see test_incapable_machines.py."""
    chance = Random(1)
    names = machines("capable", 18 - num_incapable) + machines("incapable", num_incapable)
    chance.shuffle(names)

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        if machine.startswith("incapable"):
            return 1.0, Errored(head=call.head, error=SegmentInvalid("no capable device for av1_nvenc"))
        return made(machine, call, seconds=10 * chance.uniform(0.8, 1.2))

    ray = VirtualRay(names, Scenario(chunk=chunk))
    ray.plug_in(patch)
    return VirtualJob(ray, num_videos=num_videos, max_workers=18)


def test_one_machine_without_a_capability_costs_no_video(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = job_on_a_mixture(1, monkeypatch).run()
    assert ended.given_up == []
    assert ended.num_published == 40


@pytest.mark.parametrize(
    ("num_incapable", "num_videos"),
    [(4, 40), (8, 40), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((16, 40), (8, 400)))],
)
def test_machines_without_a_capability_cost_no_video(
    num_incapable: int, num_videos: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = job_on_a_mixture(num_incapable, monkeypatch, num_videos=num_videos).run()
    assert [failed.reason for failed in ended.given_up] == []
    assert ended.num_published == num_videos


# ---- an unavailable store -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_cpus", [4, 32], ids=["8 steps", "64 steps"])
def test_an_outage_of_the_store_for_ten_minutes_costs_no_video(
    num_cpus: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage_s = (60.0, 660.0)
    ray = VirtualRay(machines("machine", 20), Scenario())
    busy = StorageBusy("the store is busy or failed inside")

    def task(machine: str, call: TaskCall) -> Said:
        if outage_s[0] <= ray.now_s < outage_s[1]:
            return [(8.0, Errored(head=call.head, error=busy))]  # boto3's five attempts
        return finished(machine, call)

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        failed = Errored(head=call.head, error=busy)
        return (8.0, failed) if outage_s[0] <= ray.now_s < outage_s[1] else made(machine, call)

    ray.scenario = Scenario(task=task, chunk=chunk)
    ray.num_cpus = num_cpus
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=60, max_workers=20).run()
    assert [failed.reason for failed in ended.given_up] == []
    assert ended.num_published == 60
    assert ray.now_s > outage_s[1]


# ---- a machine without credentials ----------------------------------------------------------------------------------


def answered(code: str, status: int) -> boto.ClientError:
    """S3's response with that code."""
    return boto.ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item] # a part of it is enough


PASSING = {
    "no credentials": boto.NoCredentialsError(),
    "no answer of the metadata service": boto.MetadataRetrievalError(error_msg="timed out"),
    "credentials not fetched": boto.CredentialRetrievalError(provider="iam-role", error_msg="timed out"),
    "a clock before the certificate": boto.SSLError(endpoint_url="https://s3", error=OSError("not yet valid")),
    "a clock that is late": answered("RequestTimeTooSkewed", 403),
    "an expired token": answered("ExpiredToken", 400),
}


@pytest.mark.parametrize("stage", ["step", "chunk"])
@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_missing_credentials_on_one_machine_do_not_end_the_job(
    error: Exception, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [1]

    def strikes(machine: str, at: str) -> bool:
        hit = machine == "machine 3" and at == stage and left[0] > 0
        left[0] -= hit
        return hit

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        fault = Errored(head=call.head, error=storage_error(error, "s3://bucket/key"))
        return (1.0, fault) if strikes(machine, "chunk") else made(machine, call)

    def task(machine: str, call: TaskCall) -> Said:
        fault = Errored(head=call.head, error=storage_error(error, "s3://bucket/key"))
        return [(1.0, fault)] if strikes(machine, "step") else finished(machine, call)

    ray = VirtualRay(machines("machine", 8), Scenario(task=task, chunk=chunk))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=10, max_workers=8).run()
    assert left == [0]
    assert ended.given_up == []
    assert ended.num_published == 10


# ---- a frozen driver ------------------------------------------------------------------------------------------------


def test_a_driver_that_was_frozen_for_an_hour_reads_its_workers_results_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualRay(machines("machine", 8), Scenario())
    ray.plug_in(monkeypatch)
    job = VirtualJob(ray, num_videos=20, max_workers=8, hang_s=3600)
    job.freezes_s, job.frozen_for_s = 40.0, 3700.0
    ended = job.run()
    assert [failed.reason for failed in ended.failed_attempts] == []
    assert ended.num_published == 20
