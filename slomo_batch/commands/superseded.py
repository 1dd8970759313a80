"""Superseded work: receipts, failures and unfinished work of one output that earlier settings left.

`convert` deletes it once the output with the current settings exists. `run` deletes only the receipts of outputs that
are gone and that it is about to make with other settings. Only records that name this source and output are deleted,
with the work that belongs to them, and only within the job.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import PurePosixPath

from slomo_batch.commands.triage import Triage
from slomo_batch.errors import WorkDamaged
from slomo_batch.plan.ids import receipt_id, video_id
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import Published, VideoFailed
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed, read_each
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.storage.work_layout import parts_of

MOST_READ = 1000
"""Receipts that one run reads to find those whose outputs are gone."""


def delete_superseded(request: VideoRequest, pin: JobPin, context: StepContext) -> int:
    """Delete what other settings left of this request's output; return the number of deleted objects.

    Only the driver that leads the job may call this, when nothing runs and the output is published.
    """
    keys = [*_records(request, pin, context), *_work(request, pin, context)]
    context.work.delete(keys)
    return len(keys)


def withdraw_receipts(piles: Triage, context: StepContext) -> None:
    """Delete the receipts, and the work, of outputs that are gone and that this run makes with other settings.

    Otherwise a later run with the earlier settings would take the new output for the one it published. Only the first
    MOST_READ receipts of other requests are read.
    """
    layout, free = context.layout, {wanted.request.output_uri for wanted in piles.wanted if wanted.is_free}
    if not free:
        return
    work, keys = context.work, [layout.receipt(receipt) for receipt in piles.other_receipts[:MOST_READ]]
    with closing(read_each(work, lambda key: committed(work, key, Published), keys)) as reads:
        for key, read in zip(keys, reads, strict=True):
            with suppress(WorkDamaged):
                published = read()
                if published and published.output_uri in free:
                    made = [found.key for found in work.list(layout.video(published.video_id))]
                    work.delete([key, *made])


def _records(request: VideoRequest, pin: JobPin, context: StepContext) -> Iterator[str]:
    layout, work, current = context.layout, context.work, receipt_id(request, pin.weights_name(request.settings))
    for found in work.list(layout.receipts):
        for receipt in parts_of(layout, "receipt", found.key):
            with suppress(WorkDamaged):
                published = committed(work, found.key, Published)
                if published and receipt != current and _is_of(request, published.source.uri, published.output_uri):
                    yield found.key
    for found in work.list(layout.failures):
        for _, receipt in filter(None, [parts_of(layout, "failure", found.key)]):
            with suppress(WorkDamaged):
                failed = committed(work, found.key, VideoFailed)
                if failed and receipt != current and _is_of(request, failed.source_uri, failed.output_uri):
                    yield found.key


def _work(request: VideoRequest, pin: JobPin, context: StepContext) -> Iterator[str]:
    layout, current = context.layout, video_id(request, pin)
    keys = [found.key for found in context.work.list(layout.videos)]
    videos = {PurePosixPath(key.removeprefix(layout.videos)).parts[0] for key in keys}
    for video in videos - {current}:
        with suppress(WorkDamaged):
            stored = VideoRecords(video, context).stored_plan()
            if stored and _is_of(request, stored.plan.request.source.uri, stored.plan.request.output_uri):
                yield from (key for key in keys if key.startswith(layout.video(video)))


def _is_of(request: VideoRequest, source_uri: str, output_uri: str) -> bool:
    return (source_uri, output_uri) == (request.source.uri, request.output_uri)
