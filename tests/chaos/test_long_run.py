"""A real job and a real S3 server, with faults for twenty minutes: make chaos. The results equal an undisturbed run's.

SLOMO_CHAOS_SECONDS sets the duration of the faults (1200), SLOMO_CHAOS_SEED their choice. The same videos are made
round after round, each round as a separate job, until the time is over; then the last one ends without faults. Once in
one process, once on a cluster.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from slomo_batch.records.results import Published
from slomo_batch.serialization import file_sha256, from_json
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.chaos.blows import Battlefield, Drivers
from tests.chaos.machines import machines
from tests.end_to_end.running import REAL_CLIPS, Job, excerpt
from tests.processes import run_command
from tests.real_cluster.autoscaling import autoscaling_cluster
from tests.s3_server import MortalServer, mortal_server
from tests.s3_weather import PASSING, Fault, Weather, weathered

SECONDS = float(os.environ.get("SLOMO_CHAOS_SECONDS", "1200"))
SEED = int(os.environ.get("SLOMO_CHAOS_SEED", "1"))
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(SECONDS + 3600)]

NUM_FRAMES, WIDTH, HEIGHT = 12, 96, 64
NODES = {
    "worker": {
        "resources": {"CPU": 3, "object_store_memory": 100 << 20},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    }
}
SECTIONS = {"retime": {"slowdown": 4}, "chunks": {"pairs": 2}, "encode": {"codec": "ffv1"}}
ROUGH = {**dict.fromkeys(PASSING, 40), Fault.SILENT: 4}
"""Storage faults by kind, refilled when they are used up."""
SHARE = 0.05


@dataclass(frozen=True)
class Day:
    """The bucket, its clips, and the results of an undisturbed run."""

    store: ObjectStore
    quiet: dict[str, Published]
    before: frozenset[tuple[str, str]]
    """Keys and fingerprints of all objects before the test."""

    def job(self, number: int, folder: Path, field: Battlefield) -> Job:
        """The job of one round: the same videos under another name."""
        name, bucket = f"round-{number}", self.store.root
        address = field.cluster.address if field.cluster else "inline"
        return Job(folder / name, name).write(
            [f"{bucket}/in/*.mp4"],
            **SECTIONS,
            output={"uri": f"{bucket}/out/{name}/{{stem}}.mkv"},
            work=f"{bucket}/work",
            storage={"endpoint_url": field.storm.server.endpoint, "region": "us-east-1", "addressing_style": "path"},
            cluster={"address": address, "workers": {"max": 2}, "gpus_per_worker": 0},
        )

    def receipts(self, job: Job) -> list[Published]:
        keys = [found.key for found in self.store.list(f"work/{Layout(job.name).receipts}")]
        return [from_json(Published, self.store.get(key)) for key in keys]

    def expect_of(self, job: Job, folder: Path) -> None:
        """Check that every output of a round is published once and equals the undisturbed run's."""
        published = {Path(one.source.uri).stem: one for one in self.receipts(job)}
        assert len(self.receipts(job)) == len(published) == len(self.quiet)
        for name, expected in self.quiet.items():
            self.store.get_file(f"out/{job.name}/{name}.mkv", folder / "fetched.mkv")
            assert published[name].frames_sha256 == expected.frames_sha256
            assert published[name].sha256 == file_sha256(folder / "fetched.mkv") == expected.sha256

    def expect_nothing_else(self, jobs: list[Job]) -> None:
        """Check that nothing changed besides the outputs and the prefixes of the jobs."""
        own = tuple(f"work/{Layout(job.name).root}" for job in jobs)
        outputs = {f"out/{job.name}/{name}.mkv" for job in jobs for name in self.quiet}
        outputs |= {f"{output}.slomo.json" for output in outputs}
        after = {(found.key, found.fingerprint) for found in self.store.list() if not found.key.startswith(own)}
        assert {key for key, _ in after - self.before} == outputs
        assert self.before <= after


@pytest.fixture
def s3_server() -> Iterator[MortalServer]:
    with mortal_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.server.env().items():
            if name != "AWS_ENDPOINT_URL":
                patch.setenv(name, value)
        yield server


@pytest.mark.parametrize("where", ["in one process", "on a cluster"])
def test_a_job_under_all_kinds_of_faults(where: str, s3_server: MortalServer, tmp_path: Path) -> None:
    run_command("--version")  # starts the processes from which commands are forked: they stay
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    with ExitStack() as stack:
        day = quiet_day(s3_server, tmp_path)
        storm = stack.enter_context(weathered(s3_server.server, Weather(faults=ROUGH, share=SHARE, seed=SEED)))
        ill = stack.enter_context(machines(tmp_path / "machines", storm))
        env = {**storm.server.env(), "OMP_NUM_THREADS": "1"}
        on_nodes = {**env, **ill.node_environment()}
        cluster = stack.enter_context(autoscaling_cluster(NODES, on_nodes)) if where == "on a cluster" else None
        field = Battlefield(chance=random.Random(SEED), cluster=cluster, s3=s3_server, storm=storm, machines=ill)
        jobs = fight(day, field, {**env, **ill.driver_environment()}, tmp_path)
        storm.change(Weather(faults={}))
        for job in jobs:
            day.expect_of(job, tmp_path)
        day.expect_nothing_else(jobs)
        report(field, jobs, where)
    s3_server.kill()  # it was restarted during the test: the fixture does not know its process
    left = {process.pid for process in psutil.Process().children(recursive=True)} - children
    assert not left, "processes are left over"


def quiet_day(server: MortalServer, folder: Path) -> Day:
    """Clips in a bucket beside an unrelated object; and the same job without faults."""
    store = open_store(StoreSpec(uri=Uri(f"s3://{server.server.make_bucket()}"), options=server.server.options()))
    clips = [
        excerpt(name, folder / f"{name}.mp4", num_frames=NUM_FRAMES, width=WIDTH, height=HEIGHT) for name in REAL_CLIPS
    ]
    for clip in clips:
        store.put_file(f"in/{clip.name}", clip)
    store.put("out/somebody-else.mkv", b"precious")
    store.put("work/jobs/another/job.json", b"{}")
    quiet = Job(folder / "quiet").write([str(clip) for clip in clips], **SECTIONS)
    run = quiet.run(env={"OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stdout + run.stderr
    before = frozenset((found.key, found.fingerprint) for found in store.list())
    return Day(store=store, quiet=quiet.receipts(), before=before)


def fight(day: Day, field: Battlefield, env: dict[str, str], folder: Path) -> list[Job]:
    """Run round after round until the time is over; return the jobs, all of them ended."""
    until, jobs = time.monotonic() + SECONDS, list[Job]()
    while not jobs or time.monotonic() < until:
        job = day.job(len(jobs), folder, field)
        jobs.append(job)
        with Drivers(job, env, field) as drivers:
            while not drivers.is_done:
                if time.monotonic() < until:
                    field.strike(drivers)
                else:
                    field.leave_in_peace()
                drivers.look()
    return jobs


def report(field: Battlefield, jobs: list[Job], where: str) -> None:
    """Print the survived faults as a table for docs/benchmarks/chaos.md."""
    survived: Counter[str] = field.struck + Counter(
        {str(fault): number for fault, number in field.storm.injected.items()}
        | {"403 RequestTimeTooSkewed, from the server itself": field.storm.num_skewed}
    )
    lines = [f"| {kind} | {number} |" for kind, number in sorted(survived.items())]
    print(f"\n{where}: {len(jobs)} rounds, {field.storm.num_requests} requests, seed {SEED}, {SECONDS:.0f} s")  # noqa: T201
    print("\n".join(["| what happened | times |", "| --- | --- |", *lines]))  # noqa: T201
