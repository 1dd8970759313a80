"""A job in virtual time ends within 3 % of what an oracle could do, with every video accounted for.

The small one is part of the ordinary tests; the large one, of a million chunks, prints what docs/benchmarks/scale.md
shows: make simulate.
"""

import resource
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.plan.s3_requests import (
    PRICED,
    S3Requests,
    of_driving,
    of_output,
    of_source,
    of_work,
    price_usd,
)
from slomo_batch.report.ledger import compact, read_ledger
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.video_state import OpenVideo
from tests.scale.models import Archive, Models
from tests.scale.oracle import lower_bound_s
from tests.scale.running import Ran, simulate

MOST_OVER_BOUND = 1.03
MOST_OVER_BOUND_THOUSAND = 1.05
"""With a hundred chunks per worker: the start is a large part of such a job."""
MOST_MEMORY_BYTES = 1 << 30
SMALL = Models(num_videos=800, num_chunks=20_000, num_workers=40, num_surveyed=100)
LARGE = Models(num_videos=40_000, num_chunks=1_000_000, num_workers=1000)
MIDDLE = Models(num_videos=1600, num_chunks=40_000, num_workers=80)
FEW_WORKERS = Models(num_videos=400, num_chunks=10_000, num_workers=10)
SHORT = Models(num_videos=1600, num_chunks=40_000, num_workers=200)
"""200 chunks per worker: idle workers at the end weigh more here than in a longer job."""

FAST = Models(num_videos=800, num_chunks=8000, num_workers=400, chunk_s=6.0, start_s=10.0, num_undecodable=0)
"""Chunks as fast as a GPU makes them: steps must keep up. With eight steps at a time it takes three times as long."""
MOST_OVER_BOUND_FAST = 1.4
THOUSAND = Models(num_videos=4000, num_chunks=100_000, num_workers=1000)
"""A thousand workers with a hundred chunks each."""


def shipped(models: Models) -> Models:
    """These models with the start of cluster.yaml: no machine is up, each takes five minutes on average, and has one
    GPU."""
    return replace(models, begins="from zero", start_s=150.0, workers_per_machine=1)


def check(ran: Ran, models: Models, archive: Archive, ledger: Path) -> float:
    """Check the guarantees of a run; return the makespan over the bound."""
    assert ran.num_failed == models.num_poison
    assert len(ran.outputs_s) == models.num_videos - models.num_poison
    rows = Counter(read_ledger(path.read_bytes() for path in ledger.iterdir())["kind"].to_pylist())
    assert rows["video"] == len(ran.outputs_s)
    assert rows["chunk"] >= models.num_chunks - sum(int(archive.num_chunks[video]) for video in archive.poison)
    over = ran.makespan_s / lower_bound_s(models, archive)
    assert 1 <= over <= MOST_OVER_BOUND
    return over


@pytest.mark.slow
def test_a_small_job_ends_within_three_percent_of_the_oracle(tmp_path: Path) -> None:
    archive = Archive.of(SMALL)
    ran = simulate(SMALL, archive, tmp_path)
    check(ran, SMALL, archive, tmp_path)
    assert ran.seen["machines preempted"] > 0
    assert ran.seen["processes died"] >= SMALL.num_poison
    assert ran.seen["isolated"] > 0
    assert ran.seen["surveys"] == SMALL.num_surveyed
    assert ran.writes["ledger"] < ran.makespan_s / 60 + ran.seen["chunks lost"] + ran.seen["errors"] + 100


def test_steps_grow_with_the_cluster_and_keep_fast_workers_busy(tmp_path: Path) -> None:
    archive = Archive.of(FAST)
    ran = simulate(FAST, archive, tmp_path)
    assert len(ran.outputs_s) == FAST.num_videos - FAST.num_poison
    assert 1 <= ran.makespan_s / lower_bound_s(FAST, archive) <= MOST_OVER_BOUND_FAST


@pytest.mark.simulate
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk_s", [20.0, 6.0])
def test_a_thousand_workers_are_kept_busy_from_a_cold_start(chunk_s: float, tmp_path: Path) -> None:
    models = shipped(replace(THOUSAND, chunk_s=chunk_s))
    archive = Archive.of(models)
    ran = simulate(models, archive, tmp_path)
    show_job(ran, models, archive)
    assert 1 <= ran.makespan_s / lower_bound_s(models, archive) <= MOST_OVER_BOUND_THOUSAND


@pytest.mark.simulate
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("models", [FEW_WORKERS, SMALL, SHORT], ids=lambda models: f"{models.num_workers} workers")
def test_few_and_many_workers_end_within_three_percent_of_the_oracle(models: Models, tmp_path: Path) -> None:
    models = shipped(models)
    archive = Archive.of(models)
    ran = simulate(models, archive, tmp_path)
    show_job(ran, models, archive)
    check(ran, models, archive, tmp_path)


@pytest.mark.simulate
@pytest.mark.timeout(6 * 3600)
def test_a_million_chunks_of_forty_thousand_videos_on_a_thousand_workers(tmp_path: Path) -> None:
    archive = Archive.of(LARGE)
    began_s = time.monotonic()
    ran = simulate(LARGE, archive, tmp_path)
    wall_s = time.monotonic() - began_s
    memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    began_cpu_s = time.thread_time()
    whole = compact(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    compact_cpu_s = time.thread_time() - began_cpu_s
    show(f"bound {lower_bound_s(LARGE, archive):,.0f} s, makespan {ran.makespan_s:,.0f} s, wall {wall_s:,.0f} s")
    show(f"CPU per chunk: driver {ran.driver_cpu_s / LARGE.num_chunks * 1e6:.0f} us; engine {ran.engine_cpu_s:.0f} s")
    show(f"memory {memory_bytes / 2**20:.0f} MiB; ledger {len(whole) / 1e6:.0f} MB, compacted in {compact_cpu_s:.0f} s")
    show(f"outputs 1, 10, 100: {[round(ran.outputs_s[place]) for place in (0, 9, 99)]} s; last {ran.outputs_s[-5:]}")
    show(f"happened {dict(ran.seen)}; driver wrote {dict(ran.writes)}")
    asked = requests_of(ran, LARGE, archive)
    show(f"requests to S3, most things done once: {asked}; {price_usd(asked):,.2f} USD ({PRICED})")
    show(f"over the bound {check(ran, LARGE, archive, tmp_path):.4f}")
    assert memory_bytes < MOST_MEMORY_BYTES


def requests_of(ran: Ran, models: Models, archive: Archive) -> S3Requests:
    """The requests of the job to S3 if its sources, outputs and work place are all on S3."""
    whole = S3Requests(list=3 * -(-models.num_videos // 1000)) + of_driving(ran.makespan_s / 3600)
    for num_chunks, audio in zip(archive.num_chunks.tolist(), archive.has_audio.tolist(), strict=True):
        whole += of_source(num_chunks * int(models.object_bytes), has_index=True)
        whole += of_output(num_chunks * int(models.segment_bytes))
        whole += of_work(
            num_chunks, has_audio=audio, chunk_bytes=int(models.object_bytes), segment_bytes=int(models.segment_bytes)
        )
    return whole


def show_job(ran: Ran, models: Models, archive: Archive) -> None:
    """Print a line of the table in docs/benchmarks/scale.md."""
    over = ran.makespan_s / lower_bound_s(models, archive)
    show(
        f"{models.num_videos} videos, {models.num_chunks} chunks of {models.chunk_s:g} s, {models.num_workers} "
        f"workers: {ran.makespan_s:,.0f} s, over the bound {over:.4f}; driver "
        f"{ran.driver_cpu_s / models.num_chunks * 1e6:.0f} us of CPU per chunk; outputs 1, 10, 100 after "
        f"{[round(ran.outputs_s[place]) for place in (0, 9, 99)]} s; second attempts {ran.seen['second attempts']}"
    )


def show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


class FirstInFirstOut(Dispatch):
    """The oldest video's chunks before all others."""

    def _next_video(self) -> OpenVideo | None:
        return self._ready_queue.oldest_runnable()


@pytest.mark.simulate
@pytest.mark.timeout(3600)
def test_first_outputs_appear_no_later_than_first_in_first_out(tmp_path: Path) -> None:
    archive = Archive.of(MIDDLE)
    first = {}
    for kind in (Dispatch, FirstInFirstOut):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        ran = simulate(MIDDLE, archive, folder, kind=kind)
        first[kind] = [ran.outputs_s[place] for place in (0, 9, 99)]
        show(f"{kind.__name__}: outputs 1, 10, 100 after {[round(at) for at in first[kind]]} s")
    assert all(ours <= theirs for ours, theirs in zip(first[Dispatch], first[FirstInFirstOut], strict=True))
