"""One job, start to end: a judged manifest in, an exit status out; and what `plan` and `status` answer."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from slomo_batch.documents import from_json
from slomo_batch.errors import Interrupted, JobTaken, ObjectMissing, SlomoError, StoreUnusable
from slomo_batch.execution.driver import Driver
from slomo_batch.execution.epochs import Epoch, is_led
from slomo_batch.execution.journal import Journal, Tally
from slomo_batch.execution.machines import ClusterWish, Machines, open_machines, probe_abilities
from slomo_batch.execution.preflight import judge_machines, prove_disk, prove_outputs, prove_work_store
from slomo_batch.execution.stopping import StopRequests
from slomo_batch.manifest.schema import Manifest
from slomo_batch.planning.dispatch import Policy
from slomo_batch.planning.resolving import JobPin
from slomo_batch.progress import Display, JobEnded, JobStarted, JobStatus, Note, PlanRow, VideoSkipped
from slomo_batch.records import VideoFailed, VideoRequest
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.find import Found, find_videos
from slomo_batch.steps.gc import Garbage, delete_garbage, find_garbage
from slomo_batch.steps.open import foresee
from slomo_batch.steps.pin import Basis, pin_basis, pin_job, pinned_basis
from slomo_batch.steps.triage import Triage, forget_failures, triage
from slomo_batch.storage.location import S3Options, normalise_uri
from slomo_batch.tables.ledger import LedgerWriter, compact
from slomo_batch.wiring import Places, open_bench

EXIT_PUBLISHED = 0
EXIT_SOME_FAILED = 1

MAX_OPEN_VIDEOS = 64
MAX_STITCHES = 4
READY_PER_WORKER = 64
"""Chunk objects that may stand unmade, for each worker: the splits' head start."""


# ---- run -----------------------------------------------------------------------------------------------------------


def run(manifest: Manifest, *, display: Display, retry_failed: bool = False, force: bool = False) -> int:
    """Make what the manifest asks for, or finish it; the exit code.

    Raises:
        JobError: the whole job cannot be done: the manifest, the cluster or the storage is at fault.
    """
    places = places_of(manifest)
    bench = open_bench(places)
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequests())
        found = find_videos(manifest, bench.locate)
        prove_work_store(bench)
        epoch = stack.enter_context(Epoch(bench.work, bench.layout, force=force))
        making = _Run(
            manifest=manifest,
            places=places,
            bench=bench,
            epoch=epoch,
            display=display,
            stack=stack,
            stop=stop,
        )
        return making.make(found, retry_failed=retry_failed)


class _Run:
    """What one run has at hand."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        places: Places,
        bench: Bench,
        epoch: Epoch,
        display: Display,
        stack: ExitStack,
        stop: StopRequests,
    ) -> None:
        self._manifest, self._places, self._bench, self._epoch = manifest, places, bench, epoch
        self._display, self._stack, self._stop = display, stack, stop
        self._machines: Machines | None = None
        self._began_s = time.monotonic()

    def make(self, found: Found, *, retry_failed: bool) -> int:
        """Make what is wanted of the videos that were found."""
        pin = self._pin(found.requests)
        piles = triage(found.requests, pin, self._bench, retry_failed=retry_failed)
        forget_failures([wanted.receipt_id for wanted in piles.wanted], self._bench)
        journal = self._journal(found, piles)
        try:
            if piles.wanted:
                self._drive(piles, pin, journal)
        except BaseException:
            journal.close(finished=False)
            raise
        return self._end(journal)

    def _pin(self, requests: Sequence[VideoRequest]) -> JobPin:
        basis = pinned_basis(self._bench)
        if basis is None:
            abilities = self._open_machines().abilities
            threads = _cpus_per_worker(self._manifest)
            basis = pin_basis(
                Basis(precision=abilities.precision, threads=threads, nvenc_works=abilities.nvenc_works), self._bench
            )
        return pin_job(basis, requests, self._bench)

    def _open_machines(self) -> Machines:
        if self._machines is None:
            self._machines = self._stack.enter_context(open_machines(_wish(self._manifest), self._places))
            self._stop.listen()
        return self._machines

    def _journal(self, found: Found, piles: Triage) -> Journal:
        """A journal that has told of everything that was decided before the work begins."""
        total = len(found.requests) + len(found.missing)
        tally = Tally(videos_total=total, videos_skipped=len(piles.done))
        layout, work = self._bench.layout, self._bench.work
        ledger = LedgerWriter(
            lambda part, data: work.put(layout.ledger_part(self._epoch.number, part), data),
            time.time,
            job=layout.name,
            epoch=self._epoch.number,
        )
        journal = Journal(store=work, layout=layout, ledger=ledger, display=self._display, tally=tally)
        self._display.show(JobStarted(name=layout.name, num_videos=len(piles.wanted), work=work.root))
        for uri in found.empty:
            self._display.show(Note(text="no video here", uri=uri))
        for request in piles.done:
            self._display.show(
                VideoSkipped(uri=request.source.uri, output_uri=request.output_uri, reason="published before")
            )
        for refused in piles.refused:
            journal.refused(refused.failed)
        for failed in (*found.missing, *piles.waiting):
            journal.refused(failed)
        if piles.waiting:
            number = len(piles.waiting)
            self._display.show(Note(text=f"given up by an earlier run: {number}; --retry-failed tries them again"))
        return journal

    def _drive(self, piles: Triage, pin: JobPin, journal: Journal) -> None:
        requests = [wanted.request for wanted in piles.wanted]
        prove_outputs(requests, self._bench)
        prove_disk(requests, self._bench)
        machines = self._open_machines()
        judge_machines(machines.num_machines, requests, self._bench)
        self._display.show(Note(text=f"working on {machines.description}, {pin.precision} arithmetic"))
        driver = Driver(
            engine=machines.engine,
            policy=_policy(self._manifest),
            pin=pin,
            journal=journal,
            should_stop=lambda: self._stop.is_asked,
            is_superseded=lambda: self._epoch.is_superseded,
        )
        driver.run(iter(piles.wanted))

    def _end(self, journal: Journal) -> int:
        tally = journal.tally
        interrupted = tally.videos_done + tally.videos_failed < tally.videos_total
        journal.close(finished=not interrupted)
        self._display.show(
            JobEnded(
                videos_published=tally.videos_published,
                videos_skipped=tally.videos_skipped,
                videos_failed=tally.videos_failed,
                num_frames=tally.frames_made,
                seconds=time.monotonic() - self._began_s,
                interrupted=interrupted,
            )
        )
        if interrupted:
            return Interrupted.exit_code
        try:
            compact_ledger(self._bench)
        except StoreUnusable as error:
            self._display.show(Note(text=f"the ledger was left in parts: {error}"))
        return EXIT_SOME_FAILED if tally.videos_failed else EXIT_PUBLISHED


def compact_ledger(bench: Bench) -> None:
    """Replace the parts of the ledger by one; a part goes only when the whole that holds it stands."""
    keys = [found.key for found in bench.work.list(bench.layout.ledger)]
    if len(keys) > 1:
        whole = compact(bench.work.get(key) for key in keys)
        bench.work.put(keys[0], whole)
        bench.work.delete(keys[1:])


def places_of(manifest: Manifest) -> Places:
    """Where the job's things are, for every process."""
    storage = manifest.storage
    options = S3Options(
        endpoint_url=storage.endpoint_url,
        region=storage.region,
        sse_kms_key_id=storage.sse_kms_key_id,
        expected_bucket_owner=storage.expected_bucket_owner,
        requester_pays=storage.requester_pays,
        addressing_style=storage.addressing_style,
    )
    return Places(work_uri=normalise_uri(manifest.work, Path.cwd()), job=manifest.name, s3=options)


def _wish(manifest: Manifest) -> ClusterWish:
    cluster = manifest.cluster
    most = cluster.workers.max
    return ClusterWish(
        address=cluster.address,
        min_workers=cluster.workers.min,
        max_workers=DEFAULT_MAX_WORKERS if most == "auto" else most,
        gpus_per_worker=float(cluster.gpus_per_worker),
        cpus_per_worker=_cpus_per_worker(manifest),
        insists_on_gpus="gpus_per_worker" in cluster.model_fields_set and cluster.gpus_per_worker > 0,
    )


DEFAULT_MAX_WORKERS = 8


def _cpus_per_worker(manifest: Manifest) -> int:
    wished = manifest.cluster.cpus_per_worker
    return 1 if wished == "auto" else wished


def _policy(manifest: Manifest) -> Policy:
    most = _wish(manifest).max_workers
    return Policy(
        max_open_videos=MAX_OPEN_VIDEOS,
        max_attempts=manifest.retries.chunk + 1,
        max_splits=max(2, most),
        max_stitches=MAX_STITCHES,
        max_ready_chunks=READY_PER_WORKER * most,
    )


# ---- plan ----------------------------------------------------------------------------------------------------------


def plan(manifest: Manifest) -> list[PlanRow]:
    """What a run would do with each video. Reads the sources' heads; writes nothing."""
    bench = open_bench(places_of(manifest))
    found = find_videos(manifest, bench.locate)
    abilities = probe_abilities()
    basis = pinned_basis(bench) or Basis(
        precision=abilities.precision, threads=_cpus_per_worker(manifest), nvenc_works=abilities.nvenc_works
    )
    pin = pin_job(basis, found.requests, bench, dry_run=True)
    piles = triage(found.requests, pin, bench, retry_failed=False)
    rows = [_row_of_failure(failed, "fail") for failed in found.missing]
    rows += [_row_of_failure(refused.failed, "fail") for refused in piles.refused]
    rows += [_row_of_failure(failed, "wait") for failed in piles.waiting]
    rows += [_row(request, pin, bench, state="skip") for request in piles.done]
    rows += [_row(wanted.request, pin, bench, state="make") for wanted in piles.wanted]
    return rows


def _row_of_failure(failed: VideoFailed, state: str) -> PlanRow:
    return PlanRow(
        uri=failed.source_uri,
        output_uri=failed.output_uri,
        state=state,
        num_source_frames=0,
        num_output_frames=0,
        num_chunks=0,
        size_bytes=0,
        notes=(),
        problem=failed.reason,
    )


def _row(request: VideoRequest, pin: JobPin, bench: Bench, *, state: str) -> PlanRow:
    if state == "skip":
        return PlanRow(
            uri=request.source.uri,
            output_uri=request.output_uri,
            state=state,
            num_source_frames=0,
            num_output_frames=0,
            num_chunks=0,
            size_bytes=request.source.size_bytes,
            notes=("published before",),
            problem="",
        )
    try:
        foreseen = foresee(request, pin, bench)
    except SlomoError as error:
        failed = VideoFailed(
            source_uri=request.source.uri,
            output_uri=request.output_uri,
            error=type(error).__name__,
            reason=str(error),
        )
        return _row_of_failure(failed, "fail")
    pinned = foreseen.pinned
    return PlanRow(
        uri=request.source.uri,
        output_uri=request.output_uri,
        state="resume" if foreseen.done else state,
        num_source_frames=pinned.plan.facts.num_frames,
        num_output_frames=pinned.plan.grid.num_frames,
        num_chunks=len(pinned.chunks),
        size_bytes=request.source.size_bytes,
        notes=pinned.notes,
        problem="",
    )


# ---- status --------------------------------------------------------------------------------------------------------


def status(wanted: Manifest | str, work: str = "") -> JobStatus:
    """Where a job stands, from what its driver wrote last."""
    places = _places(wanted, work)
    bench = open_bench(places)
    try:
        told = from_json(JobStatus, bench.work.get(bench.layout.progress))
    except ObjectMissing:
        return JobStatus(
            job=places.job,
            state="unknown",
            videos_done=0,
            videos_failed=0,
            videos_total=0,
            chunks_done=0,
            chunks_total=0,
            frames_done=0,
            updated="",
            failures=(),
        )
    if told.state == "running" and not is_led(bench.work, bench.layout):
        return replace(told, state="interrupted")
    return told


def _places(wanted: Manifest | str, work: str) -> Places:
    """Of a manifest, or of a job by its name and its work place."""
    if isinstance(wanted, str):
        return Places(work_uri=normalise_uri(work, Path.cwd()), job=wanted)
    return places_of(wanted)


# ---- gc ------------------------------------------------------------------------------------------------------------


def gc(wanted: Manifest | str, work: str = "", *, delete: bool) -> list[Garbage]:
    """What the job no longer needs in its work place; with `delete` it is gone afterwards.

    Raises:
        JobTaken: somebody is running the job.
    """
    bench = open_bench(_places(wanted, work))
    if is_led(bench.work, bench.layout):
        raise JobTaken("this job is being run", where=bench.work.uri(bench.layout.root), remedy="Wait for its end.")
    found = find_garbage(bench)
    if delete:
        delete_garbage(found, bench)
    return found
