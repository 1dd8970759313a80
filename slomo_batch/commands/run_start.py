"""The start of a run: record and show what was decided about each video before the work begins."""

import time

from slomo_batch.commands.run_context import RunContext
from slomo_batch.commands.triage import Triage
from slomo_batch.manifest.inputs import FoundVideos
from slomo_batch.report.events import JobStarted, VideoSkipped
from slomo_batch.report.ledger import LedgerWriter
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.tally import Tally


def open_recorder(run: RunContext, found: FoundVideos, piles: Triage, meter: BudgetMeter) -> EventRecorder:
    """Open the recorder of the run, and record what was decided before the work begins."""
    total = len(found.requests) + len(found.missing)
    tally = Tally(videos_total=total, videos_skipped=len(piles.done) + len(piles.renamed))
    layout, work, epoch = run.steps.layout, run.steps.work, run.lease.number
    ledger = LedgerWriter(
        lambda part, data: work.put(layout.ledger_part(epoch, part), data), time.time, job=layout.name, epoch=epoch
    )
    recorder = EventRecorder(
        store=work,
        layout=layout,
        epoch=epoch,
        ledger=ledger,
        display=run.display,
        tally=tally,
        is_superseded=run.lease.check_superseded,
        meter=meter,
    )
    _show_start(run, found, piles, tally)
    for refused in piles.refused:
        recorder.refused(refused.failed)
    for failed in found.missing:
        recorder.refused(failed)
    for failed in piles.waiting:
        recorder.refused(failed, in_earlier_run=True)
    if piles.waiting:
        run.note(f"failed in an earlier run: {len(piles.waiting)}; --retry-failed tries them again")
    return recorder


def _show_start(run: RunContext, found: FoundVideos, piles: Triage, tally: Tally) -> None:
    """Show what was decided before the work begins, apart from the videos that fail."""
    run.display.show(
        JobStarted(
            name=run.steps.layout.name,
            num_videos=len(piles.wanted),
            work=run.steps.work.root,
            videos_done=tally.videos_skipped,
            videos_failed=len(piles.waiting),
            videos_refused=len(piles.refused) + len(found.missing),
        )
    )
    for uri in found.empty:
        run.note("no videos found", uri=uri)
    for request in piles.done:
        run.display.show(VideoSkipped(uri=request.source.uri, output_uri=request.output_uri, reason="published before"))
    for request in piles.renamed:
        reason = f"published before as {request.output_uri}, the name that another input gives"
        run.display.show(VideoSkipped(uri=request.source.uri, output_uri=request.output_uri, reason=reason))
    for wanted in piles.wanted:
        if wanted.changed:
            text = "the source changed since its output was published: the output is made again and replaced"
            run.note(text, uri=wanted.request.source.uri)
