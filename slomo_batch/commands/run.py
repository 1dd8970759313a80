"""Run a job from start to end: from a valid manifest to an exit status."""

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from slomo_batch.commands.budget import budget_meter
from slomo_batch.commands.progress_counter import ProgressCounter
from slomo_batch.commands.run_context import RunContext
from slomo_batch.commands.run_end import end_run, lacks_report
from slomo_batch.commands.run_machines import RunMachines
from slomo_batch.commands.run_start import open_recorder
from slomo_batch.commands.superseded import delete_superseded, withdraw_receipts
from slomo_batch.commands.triage import Triage, forget_failures, triage
from slomo_batch.errors import Interrupted, SlomoError, StorageError
from slomo_batch.manifest.inputs import FoundVideos, find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.report.events import Activity, Display, JobFailed, JobStopping
from slomo_batch.report.units import counted
from slomo_batch.scheduler.abilities import basis_of
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.driver import Driver
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.leases import DriverLease
from slomo_batch.scheduler.limits import limits_for, long_ones_first
from slomo_batch.scheduler.machines import ClusterSettings
from slomo_batch.scheduler.outage import Outage
from slomo_batch.scheduler.preflight import check_outputs_writable, check_work_store
from slomo_batch.scheduler.stop_signals import StopRequests
from slomo_batch.steps.job_pin import pin_basis, pin_job, pinned_basis
from slomo_batch.wiring import environment_of, open_context


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
    steps = open_context(environment)
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequests(lambda text: display.show(JobStopping(text=text))))
        display.show(Activity(text="looking for the videos"))
        lookups = ProgressCounter("looking up videos", display.show)
        found = find_videos(manifest, steps.locate, strict=strict, advanced=lookups.advanced)
        if stop.is_asked:
            raise Interrupted("stopped before anything was made", remedy="Run it again.")
        number = counted(len(found.requests) + len(found.missing), "video")
        display.show(Activity(text=f"{number} found; checking the work place"))
        check_work_store(steps)
        lease = stack.enter_context(DriverLease(steps.work, steps.layout, take_over=take_over))
        context = RunContext(manifest=manifest, steps=steps, lease=lease, display=display, stop=stop)
        machines = RunMachines(context, environment, found.requests, stack, prewarm=prewarm)
        return _make(context, machines, found, retry_failed=retry_failed, force=force, clean_up=clean_up)


def _make(
    context: RunContext,
    machines: RunMachines,
    found: FoundVideos,
    *,
    retry_failed: bool,
    force: bool,
    clean_up: bool,
) -> int:
    """Make those of the videos found that are to be made; return the exit code."""
    began_s = time.monotonic()
    pin = _pin(context, machines, found.requests)
    context.show_activity("looking for published videos")
    piles = triage(
        found.requests, pin, context.steps, retry_failed=retry_failed, force=force, other_names=found.other_names
    )
    meter = budget_meter(context.manifest.job.budget, context.steps)
    if not meter.is_reached:
        forget_failures(piles, context.steps)
    recorder = open_recorder(context, found, piles, meter)
    try:
        if piles.wanted and not meter.is_reached:
            _drive(context, machines, piles, pin, recorder=recorder, meter=meter)
    except BaseException:
        with suppress(SlomoError):  # report the first error, not this one
            recorder.close(finished=False)
        raise
    tally = recorder.tally
    if clean_up and tally.videos_done == tally.videos_total:
        _clean_up(context, found.requests, pin)
    num_refused = len(piles.refused) + len(found.missing)
    reports = not clean_up and (bool(piles.wanted) or lacks_report(context))
    return end_run(context, recorder, meter, began_s=began_s, num_refused=num_refused, reports=reports)


def _pin(context: RunContext, machines: RunMachines, requests: Sequence[VideoRequest]) -> JobPin:
    basis = pinned_basis(context.steps)
    if basis is None:
        basis = pin_basis(basis_of(machines.open().find_abilities(len(requests))), context.steps)
    return pin_job(basis, requests, context.steps)


def _drive(
    context: RunContext,
    machines: RunMachines,
    piles: Triage,
    pin: JobPin,
    *,
    recorder: EventRecorder,
    meter: BudgetMeter,
) -> None:
    """Make the wanted videos."""
    requests = [wanted.request for wanted in piles.wanted]
    context.show_activity("checking the outputs")
    context.check_lead()
    withdraw_receipts(piles, context.steps)
    check_outputs_writable(requests, context.steps)
    machines.check(requests)
    opened = machines.open()
    recorder.add_displays(*opened.displays)
    context.note(f"working in {opened.description}, {pin.precision} arithmetic", is_detail=True)
    job = context.manifest.job
    most = ClusterSettings.of(job.cluster).max_workers
    limits = limits_for(most, max_attempts=job.retries.chunk + 1)
    driver = Driver(
        engine=opened.engine,
        dispatch=Dispatch(limits, jitter=random.random, outage=Outage(num_machines=opened.num_machines)),
        pin=pin,
        recorder=recorder,
        should_stop=lambda: context.stop.is_asked,
        is_superseded=lambda: context.lease.is_superseded,
        meter=meter,
        check_superseded=context.lease.check_superseded,
    )
    sizes = [request.source.size_bytes for request in requests]
    recorder.expect(sum(sizes))
    driver.run(iter(long_ones_first(piles.wanted, sizes, most)))


def _clean_up(context: RunContext, requests: Sequence[VideoRequest], pin: JobPin) -> None:
    """Delete what other settings left of these outputs."""
    context.check_lead()
    for request in requests:
        try:
            delete_superseded(request, pin, context.steps)
        except StorageError as error:
            text = f"what earlier settings left in the work place cannot be deleted: {error}"
            context.note(text, uri=request.source.uri)
