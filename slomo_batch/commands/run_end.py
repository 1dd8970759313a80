"""The end of a run: record it, show it, write the report, and choose the exit code."""

import itertools
import time

from slomo_batch.commands.ledger_parts import compact_ledger
from slomo_batch.commands.report import write_report
from slomo_batch.commands.run_context import RunContext
from slomo_batch.errors import BudgetSpent, Interrupted, ManifestError, ObjectMissing, SlomoError, StorageBusy
from slomo_batch.report.events import JobEnded
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.retry import backoff_s

LAST_WRITES_S = 600.0
"""Seconds for which the end of a run waits for a store that is away."""
EXIT_PUBLISHED = 0
EXIT_SOME_FAILED = 1


def end_run(
    run: RunContext, recorder: EventRecorder, meter: BudgetMeter, *, began_s: float, num_refused: int, reports: bool
) -> int:
    """Record and show the end of the run; return the exit code.

    `began_s`: when it began, by the monotonic clock. `num_refused`: the failed videos that --retry-failed does not try
    again. `reports`: whether to write the report.
    """
    tally = recorder.tally
    videos_left = tally.videos_total - tally.videos_done - tally.videos_failed
    interrupted = videos_left > 0
    budget_reached = interrupted and meter.is_reached and not run.stop.is_asked
    _close(run, recorder, finished=not interrupted)
    if not interrupted:
        _compact_ledger(run)
    if reports:
        _write_report(run)
    run.display.show(
        JobEnded(
            videos_published=tally.videos_published,
            videos_skipped=tally.videos_skipped,
            videos_failed=tally.videos_failed,
            num_frames=tally.frames_made,
            seconds=time.monotonic() - began_s,
            interrupted=interrupted,
            videos_left=videos_left,
            videos_to_retry=tally.videos_failed - num_refused,
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


def lacks_report(run: RunContext) -> bool:
    """Whether the work place has no report: an earlier run was killed before it wrote it."""
    try:
        run.steps.work.head(run.steps.layout.report)
    except ObjectMissing:
        return True
    return False


def _write_report(run: RunContext) -> None:
    try:
        text = f"report: {write_report(run.steps)}"
    except ManifestError:  # nothing is recorded
        return
    except SlomoError as error:
        text = f"the report cannot be written: {error}"
    run.note(text)


def _close(run: RunContext, recorder: EventRecorder, *, finished: bool) -> None:
    """Store the end of the run. If the store is away, try again for a while, since everything else is done."""
    give_up_s = time.monotonic() + LAST_WRITES_S
    for number in itertools.count(1):
        try:
            recorder.close(finished=finished)
        except StorageBusy as busy:
            if run.stop.is_asked:
                run.note(f"the end of the run cannot be recorded: {busy}")
                return
            if time.monotonic() > give_up_s:
                raise
            run.show_activity(f"waiting for the store, to record the end of the run: {busy}")
            time.sleep(backoff_s(number, jitter=1.0))
        else:
            return


def _compact_ledger(run: RunContext) -> None:
    try:
        compact_ledger(run.steps.work, run.steps.layout, run.lease.number)
    except SlomoError as error:
        run.note(f"the ledger was left in parts: {error}")
