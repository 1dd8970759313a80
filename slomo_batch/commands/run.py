"""Run a job from start to end: from a valid manifest to an exit status."""

import itertools
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from slomo_batch.commands.budget import budget_meter
from slomo_batch.commands.ledger_parts import compact_ledger
from slomo_batch.commands.progress_counter import ProgressCounter
from slomo_batch.commands.report import write_report
from slomo_batch.commands.superseded import delete_superseded, withdraw_receipts
from slomo_batch.commands.triage import Triage, forget_failures, triage
from slomo_batch.errors import (
    BudgetSpent,
    Interrupted,
    JobTaken,
    ManifestError,
    ObjectMissing,
    SlomoError,
    StorageBusy,
    StorageError,
)
from slomo_batch.manifest.inputs import FoundVideos, find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.report.events import (
    Activity,
    Display,
    JobEnded,
    JobFailed,
    JobStarted,
    JobStopping,
    Note,
    VideoSkipped,
)
from slomo_batch.report.ledger import LedgerWriter
from slomo_batch.report.units import counted
from slomo_batch.scheduler.abilities import basis_of
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.driver import Driver
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.leases import DriverLease
from slomo_batch.scheduler.limits import limits_for, long_ones_first
from slomo_batch.scheduler.machines import ClusterSettings, Machines, open_machines
from slomo_batch.scheduler.outage import Outage
from slomo_batch.scheduler.preflight import (
    check_local_disk,
    check_machines_share_storage,
    check_outputs_writable,
    check_work_store,
)
from slomo_batch.scheduler.retry import backoff_s
from slomo_batch.scheduler.shared_folders import proven_folders
from slomo_batch.scheduler.stop_signals import StopRequests
from slomo_batch.scheduler.tally import Tally
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.job_pin import pin_basis, pin_job, pinned_basis
from slomo_batch.wiring import JobEnvironment, environment_of, open_context

LAST_WRITES_S = 600.0
"""Seconds for which the end of a run waits for a store that is away."""
EXIT_PUBLISHED = 0
EXIT_SOME_FAILED = 1


def run(
    manifest: Manifest,
    *,
    display: Display,
    retry_failed: bool = False,
    force: bool = False,
    take_over: bool = False,
    prewarm: int = 0,
    strict: bool = False,
    clean_up: bool = False,
) -> int:
    """Make the videos of a manifest, or finish what an earlier run began; return the exit code.

    `retry_failed`: also make the videos that failed in earlier runs. `force`: make all videos, also published ones.
    `take_over`: run even if another driver seems to lead the job. `prewarm`: number of workers for which a cluster is
    asked to start machines at once. `strict`: every input must name a video. `clean_up`: delete what other settings
    left of the published outputs.

    Raises:
        JobError: the job cannot be done, because of the manifest, the cluster or the storage.
    """
    try:
        flags = {"retry_failed": retry_failed, "force": force, "take_over": take_over}
        return _run(manifest, display, prewarm=prewarm, strict=strict, clean_up=clean_up, **flags)
    except Exception as error:
        display.show(JobFailed(error=type(error).__name__, reason=str(error)))
        raise


def _run(
    manifest: Manifest,
    display: Display,
    *,
    retry_failed: bool,
    force: bool,
    take_over: bool,
    prewarm: int,
    strict: bool,
    clean_up: bool,
) -> int:
    environment = environment_of(manifest)
    context = open_context(environment)
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequests(lambda text: display.show(JobStopping(text=text))))
        display.show(Activity(text="looking for the videos"))
        lookups = ProgressCounter("looking up videos", display.show)
        found = find_videos(manifest, context.locate, strict=strict, advanced=lookups.advanced)
        if stop.is_asked:
            raise Interrupted("stopped before anything was made", remedy="Run it again.")
        number = counted(len(found.requests) + len(found.missing), "video")
        display.show(Activity(text=f"{number} found; checking the work place"))
        check_work_store(context)
        epoch = stack.enter_context(DriverLease(context.work, context.layout, take_over=take_over))
        job_run = _JobRun(
            manifest=manifest,
            environment=environment,
            context=context,
            epoch=epoch,
            display=display,
            stack=stack,
            stop=stop,
            prewarm=prewarm,
        )
        return job_run.make(found, retry_failed=retry_failed, force=force, clean_up=clean_up)


class _JobRun:
    """One run: its manifest, its stores, its lease, and the displays it reports to."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        environment: JobEnvironment,
        context: StepContext,
        epoch: DriverLease,
        display: Display,
        stack: ExitStack,
        stop: StopRequests,
        prewarm: int,
    ) -> None:
        self._manifest, self._environment, self._context, self._epoch = manifest, environment, context, epoch
        self._display, self._stack, self._stop, self._prewarm = display, stack, stop, prewarm
        self._machines: Machines | None = None
        self._requests: Sequence[VideoRequest] = ()
        self._num_refused = 0
        self._began_s = time.monotonic()

    def make(self, found: FoundVideos, *, retry_failed: bool, force: bool, clean_up: bool) -> int:
        """Make those of the videos found that are to be made; return the exit code."""
        self._requests = found.requests
        pin = self._pin(found.requests)
        self._tell("looking for published videos")
        piles = triage(
            found.requests,
            pin,
            self._context,
            retry_failed=retry_failed,
            force=force,
            other_names=found.other_names,
        )
        meter = budget_meter(self._manifest.job.budget, self._context)
        if not meter.is_reached:
            forget_failures(piles, self._context)
        recorder = self._recorder(found, piles, meter)
        try:
            if piles.wanted and not meter.is_reached:
                self._drive(piles, pin, recorder, meter)
        except BaseException:
            with suppress(SlomoError):  # report the first error, not this one
                recorder.close(finished=False)
            raise
        tally = recorder.tally
        self._num_refused = len(piles.refused) + len(found.missing)
        if clean_up and tally.videos_done == tally.videos_total:
            self._clean_up(found.requests, pin)
        return self._end(recorder, meter, reports=not clean_up and (bool(piles.wanted) or self._lacks_report))

    @property
    def _lacks_report(self) -> bool:
        """Whether an earlier run was killed before it wrote the report."""
        try:
            self._context.work.head(self._context.layout.report)
        except ObjectMissing:
            return True
        return False

    def _write_report(self) -> None:
        try:
            text = f"report: {write_report(self._context)}"
        except ManifestError:  # nothing is recorded
            return
        except SlomoError as error:
            text = f"the report cannot be written: {error}"
        self._display.show(Note(text=text))

    def _clean_up(self, requests: Sequence[VideoRequest], pin: JobPin) -> None:
        self._check_lead()
        for request in requests:
            try:
                delete_superseded(request, pin, self._context)
            except StorageError as error:
                text = f"what earlier settings left in the work place cannot be deleted: {error}"
                self._display.show(Note(text=text, uri=request.source.uri))

    def _pin(self, requests: Sequence[VideoRequest]) -> JobPin:
        basis = pinned_basis(self._context)
        if basis is None:
            basis = pin_basis(basis_of(self._open_machines().find_abilities()), self._context)
        return pin_job(basis, requests, self._context)

    def _open_machines(self) -> Machines:
        if self._machines is None:
            shared = self._manifest.job.storage.shared
            folders = proven_folders(shared, self._requests, self._context, self._epoch.number)
            self._environment = replace(self._environment, shared=self._stack.enter_context(folders))
            self._machines = self._stack.enter_context(
                open_machines(
                    ClusterSettings.of(self._manifest.job.cluster),
                    self._environment,
                    prewarm=self._prewarm,
                    stop=self._stop,
                    tell=self._tell,
                )
            )
        return self._machines

    def _tell(self, text: str) -> None:
        self._display.show(Activity(text=text))

    def _recorder(self, found: FoundVideos, piles: Triage, meter: BudgetMeter) -> EventRecorder:
        """Open a recorder, and record what was decided before the work begins."""
        total = len(found.requests) + len(found.missing)
        tally = Tally(videos_total=total, videos_skipped=len(piles.done) + len(piles.renamed))
        layout, work = self._context.layout, self._context.work
        ledger = LedgerWriter(
            lambda part, data: work.put(layout.ledger_part(self._epoch.number, part), data),
            time.time,
            job=layout.name,
            epoch=self._epoch.number,
        )
        recorder = EventRecorder(
            store=work,
            layout=layout,
            epoch=self._epoch.number,
            ledger=ledger,
            display=self._display,
            tally=tally,
            is_superseded=self._epoch.check_superseded,
            meter=meter,
        )
        self._show_start(found, piles, tally)
        for refused in piles.refused:
            recorder.refused(refused.failed)
        for failed in found.missing:
            recorder.refused(failed)
        for failed in piles.waiting:
            recorder.refused(failed, in_earlier_run=True)
        if piles.waiting:
            number = len(piles.waiting)
            self._display.show(Note(text=f"failed in an earlier run: {number}; --retry-failed tries them again"))
        return recorder

    def _show_start(self, found: FoundVideos, piles: Triage, tally: Tally) -> None:
        """Show what was decided before the work begins, apart from the videos that fail."""
        self._display.show(
            JobStarted(
                name=self._context.layout.name,
                num_videos=len(piles.wanted),
                work=self._context.work.root,
                videos_done=tally.videos_skipped,
                videos_failed=len(piles.waiting),
                videos_refused=len(piles.refused) + len(found.missing),
            )
        )
        for uri in found.empty:
            self._display.show(Note(text="no videos found", uri=uri))
        for request in piles.done:
            self._display.show(
                VideoSkipped(uri=request.source.uri, output_uri=request.output_uri, reason="published before")
            )
        for request in piles.renamed:
            reason = f"published before as {request.output_uri}, the name that another input gives"
            self._display.show(VideoSkipped(uri=request.source.uri, output_uri=request.output_uri, reason=reason))
        for wanted in piles.wanted:
            if wanted.changed:
                text = "the source changed since its output was published: the output is made again and replaced"
                self._display.show(Note(text=text, uri=wanted.request.source.uri))

    def _drive(self, piles: Triage, pin: JobPin, recorder: EventRecorder, meter: BudgetMeter) -> None:
        requests = [wanted.request for wanted in piles.wanted]
        self._tell("checking the outputs")
        self._check_lead()
        withdraw_receipts(piles, self._context)
        check_outputs_writable(requests, self._context)
        machines = self._open_machines()
        if machines.are_here:
            check_local_disk(requests, self._context)
        self._check_shared(machines, requests)
        recorder.add_displays(*machines.displays)
        for note in machines.notes:
            self._display.show(Note(text=note))
        self._note_old_versions()
        self._display.show(Note(text=f"working in {machines.description}, {pin.precision} arithmetic", is_detail=True))
        most = ClusterSettings.of(self._manifest.job.cluster).max_workers
        limits = limits_for(most, max_attempts=self._manifest.job.retries.chunk + 1)
        driver = Driver(
            engine=machines.engine,
            dispatch=Dispatch(limits, jitter=random.random, outage=Outage(num_machines=machines.num_machines)),
            pin=pin,
            recorder=recorder,
            should_stop=lambda: self._stop.is_asked,
            is_superseded=lambda: self._epoch.is_superseded,
            meter=meter,
            check_superseded=self._epoch.check_superseded,
        )
        sizes = [request.source.size_bytes for request in requests]
        recorder.expect(sum(sizes))
        driver.run(iter(long_ones_first(piles.wanted, sizes, most)))

    def _check_shared(self, machines: Machines, requests: Sequence[VideoRequest]) -> None:
        """Check that several machines find everything, and that commits are safe in a work place in a shared folder."""
        shared = self._manifest.job.storage.shared
        check_machines_share_storage(machines.num_machines, requests, self._context, shared)
        if machines.num_machines > 1 and self._context.work.root.is_local:
            from slomo_batch.scheduler.machine_race import race_for_objects  # noqa: PLC0415 an inline job never loads Ray

            self._tell("checking that the machines share the work place")
            number = race_for_objects(self._environment)
            text = f"{counted(number, 'machine')} raced for objects in the work place: each was created once"
            self._display.show(Note(text=text, is_detail=True))

    def _note_old_versions(self) -> None:
        work = self._context.work.root
        if work.is_local:
            return
        from slomo_batch.storage import old_versions  # noqa: PLC0415 a job that does not use S3 does not load boto3

        if old_versions.keeps_old_versions(work, self._environment.s3):
            self._display.show(Note(text=f"the work place: {old_versions.NOTE}. {old_versions.REMEDY}"))

    def _check_lead(self) -> None:
        """Raise JobTaken if another driver leads the job. Called before writing under keys that it writes too."""
        if self._epoch.check_superseded():
            raise JobTaken("another driver took this job over", remedy="Nothing is lost: the other driver goes on.")

    def _end(self, recorder: EventRecorder, meter: BudgetMeter, *, reports: bool) -> int:
        tally = recorder.tally
        videos_left = tally.videos_total - tally.videos_done - tally.videos_failed
        interrupted = videos_left > 0
        budget_reached = interrupted and meter.is_reached and not self._stop.is_asked
        self._close(recorder, finished=not interrupted)
        if not interrupted:
            self._compact_ledger()
        if reports:
            self._write_report()
        self._display.show(
            JobEnded(
                videos_published=tally.videos_published,
                videos_skipped=tally.videos_skipped,
                videos_failed=tally.videos_failed,
                num_frames=tally.frames_made,
                seconds=time.monotonic() - self._began_s,
                interrupted=interrupted,
                videos_left=videos_left,
                videos_to_retry=tally.videos_failed - self._num_refused,
                budget_reached=budget_reached,
                spent_hours=meter.spent_hours,
                budget_hours=meter.limit_hours,
                price_per_hour=meter.price_per_hour,
                hours_left=recorder.hours_left() if interrupted else None,
            )
        )
        if budget_reached:
            return BudgetSpent.exit_code
        if interrupted:
            return Interrupted.exit_code
        return EXIT_SOME_FAILED if tally.videos_failed else EXIT_PUBLISHED

    def _close(self, recorder: EventRecorder, *, finished: bool) -> None:
        """Store the end of the run. If the store is away, try again for a while, since everything else is done."""
        give_up_s = time.monotonic() + LAST_WRITES_S
        for number in itertools.count(1):
            try:
                recorder.close(finished=finished)
            except StorageBusy as busy:
                if self._stop.is_asked:
                    self._display.show(Note(text=f"the end of the run cannot be recorded: {busy}"))
                    return
                if time.monotonic() > give_up_s:
                    raise
                self._tell(f"waiting for the store, to record the end of the run: {busy}")
                time.sleep(backoff_s(number, jitter=1.0))
            else:
                return

    def _compact_ledger(self) -> None:
        try:
            compact_ledger(self._context.work, self._context.layout, self._epoch.number)
        except SlomoError as error:
            self._display.show(Note(text=f"the ledger was left in parts: {error}"))
