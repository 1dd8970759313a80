"""Garbage: find, and delete on request, what a job leaves in its work place and no longer needs.

Of a published video, everything is garbage but the receipt, including what an earlier version of slomo_batch began. Of
any other video, only segments and audio that no commit names: those of attempts that another preceded, or whose worker
died. Probes, and the records of all drivers but the last, are garbage too. Receipts, failures, the ledger and the job's
pins are kept. Outside the job's prefix, only the uploads that the job recorded when it began them are looked up.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from slomo_batch.errors import WorkDamaged
from slomo_batch.plan.ids import receipt_id
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.results import Published
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed, read_each
from slomo_batch.steps.upload_records import abort, unfinished
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.storage.store import ObjectInfo, Upload
from slomo_batch.storage.work_layout import Listed, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Objects of one kind that can be deleted."""

    kind: str
    """Description of the kind, for display."""
    keys: tuple[str, ...]
    size_bytes: int
    uploads: tuple[Upload, ...] = ()
    """Uploads to abort; `keys` are then the keys of their records."""


def find_garbage(context: StepContext) -> list[Garbage]:
    """Find what can be deleted. No driver may be running the job: an attempt in progress has no commit yet."""
    layout, work = context.layout, context.work
    receipts = dict(_receipts(context))
    videos = set(receipts.values())
    by_video: dict[str, list[ObjectInfo]] = defaultdict(list)
    for found in work.list(layout.videos):
        by_video[found.key.removeprefix(layout.videos).partition("/")[0]].append(found)
    published = {video for video in by_video if video in videos or _is_superseded(video, receipts, context)}
    finished = [found for video in by_video.keys() & published for found in by_video[video]]
    orphans = [found for video in by_video.keys() - published for found in _orphans(video, by_video[video], context)]
    kinds = (
        ("published videos", finished),
        ("attempts that were not committed", orphans),
        ("probes", work.list(layout.probes)),
        ("files that killed writers left", work.abandoned(layout.root)),
        (
            "epochs that are over",
            (
                *_all_but_the_last("epoch", layout.epochs, context),
                *_all_but_the_last("heartbeat", layout.heartbeats, context),
                *_all_but_the_last("progress", layout.progresses, context),
            ),
        ),
    )
    sorted_out = (*(_garbage(kind, objects) for kind, objects in kinds), *_uploads(context))
    return [garbage for garbage in sorted_out if garbage.keys]


def delete_garbage(found: Iterable[Garbage], context: StepContext) -> None:
    """Delete what was found. An upload is aborted before its record is deleted."""
    for garbage in found:
        for upload in garbage.uploads:
            abort(upload, context)
        context.work.delete(garbage.keys)


def _orphans(video_id: str, objects: Iterable[ObjectInfo], context: StepContext) -> Iterator[ObjectInfo]:
    layout = context.layout
    made = [
        found for found in objects if found.key.startswith((layout.segments(video_id), layout.audio_attempts(video_id)))
    ]
    if not made:
        return
    named = _named(video_id, context)
    yield from (found for found in made if not found.key.startswith(named))


def _named(video_id: str, context: StepContext) -> tuple[str, ...]:
    """Keys that commits name; for a damaged commit, the prefix of all keys that it can name."""
    layout, work = context.layout, context.work
    named = []
    commits = {found.key: parts_of(layout, "commit", found.key) for found in work.list(layout.commits(video_id))}
    keys = [key for key, parts in commits.items() if parts]
    with closing(read_each(work, lambda key: committed(work, key, ChunkDone), keys)) as reads:
        for key, read in zip(keys, reads, strict=True):
            try:
                chunk = read()
                named += [chunk.segment_key] if chunk else []
            except WorkDamaged:
                named.append(f"{layout.segments(video_id)}{commits[key][1]}/")
    try:
        audio = committed(work, layout.audio_commit(video_id), AudioDone)
        named += [audio.key] if audio else []
    except WorkDamaged:
        named.append(layout.audio_attempts(video_id))
    return tuple(named)


def _uploads(context: StepContext) -> Iterator[Garbage]:
    """The recorded uploads: no driver is running the job, so none of them is in progress."""
    recorded = list(unfinished(context))
    left = [one for one in recorded if one.size_bytes is not None]
    yield Garbage(
        kind="uploads that were not finished",
        keys=tuple(one.key for one in left),
        size_bytes=sum(one.size_bytes or 0 for one in left),
        uploads=tuple(one.upload for one in left if one.upload),
    )
    void = tuple(one.key for one in recorded if one.upload and one.size_bytes is None)
    yield Garbage(kind="records of uploads that are over", keys=void, size_bytes=0)
    damaged = tuple(one.key for one in recorded if one.upload is None)
    yield Garbage(kind="records of uploads that are damaged", keys=damaged, size_bytes=0)


def _is_superseded(video_id: str, receipts: Container[str], context: StepContext) -> bool:
    """Whether the output is published under another video id: of another pixel revision, or of other chunk sizes."""
    with suppress(WorkDamaged):
        stored = VideoRecords(video_id, context).stored_plan()
        if stored is not None:
            return receipt_id(stored.plan.request, stored.plan.resolved.weights_name) in receipts
    return False


def _receipts(context: StepContext) -> Iterator[tuple[str, str]]:
    """Receipt id and video id of each readable receipt. Everything of a video whose receipt is damaged is kept."""
    work, layout = context.work, context.layout
    keys = [found.key for found in work.list(layout.receipts)]
    receipts = [(receipt, key) for key in keys for receipt in parts_of(layout, "receipt", key)]
    with closing(read_each(work, lambda pair: committed(work, pair[1], Published), receipts)) as reads:
        for (receipt, _), read in zip(receipts, reads, strict=True):
            with suppress(WorkDamaged):
                if published := read():
                    yield receipt, published.video_id


def _all_but_the_last(kind: Listed, prefix: str, context: StepContext) -> list[ObjectInfo]:
    """Objects whose key has a driver's number, all but the highest."""
    numbered = [
        (int(number), found)
        for found in context.work.list(prefix)
        for number in parts_of(context.layout, kind, found.key)
    ]
    return [found for _, found in sorted(numbered, key=lambda pair: pair[0])[:-1]]


def _garbage(kind: str, objects: Iterable[ObjectInfo]) -> Garbage:
    known = list(objects)
    return Garbage(
        kind=kind, keys=tuple(found.key for found in known), size_bytes=sum(found.size_bytes for found in known)
    )
