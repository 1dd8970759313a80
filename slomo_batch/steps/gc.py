"""Garbage: what a job leaves in its work place and no longer needs. Found first, deleted only when told to.

Of a published video everything goes but its receipt. Of any other, only segments and sounds that no commit names: what
attempts left that lost, or whose worker died. Probes and the epochs before the last go too. Receipts, failures, the
ledger and the job's pins stay: they are its memory. Outside the job's own prefix only those very uploads are looked at
that the job recorded as its own when it began them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slomo_batch.documents import from_json
from slomo_batch.records import ChunkDone, Published, SoundDone
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.commit import committed
from slomo_batch.steps.uploads import abort, unfinished
from slomo_batch.storage.store import ObjectInfo, Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Objects of one kind that may go."""

    kind: str
    """For a person."""
    keys: tuple[str, ...]
    size_bytes: int
    uploads: tuple[Upload, ...] = ()
    """Uploads that are to be aborted; `keys` are then those of their records."""


def find_garbage(bench: Bench) -> list[Garbage]:
    """What may go. Only for a job that nobody is running: an attempt under way has no commit yet."""
    layout, work = bench.layout, bench.work
    published = {from_json(Published, work.get(found.key)).video_id for found in work.list(layout.receipts)}
    by_video: dict[str, list[ObjectInfo]] = defaultdict(list)
    for found in work.list(layout.videos):
        by_video[found.key.removeprefix(layout.videos).partition("/")[0]].append(found)
    finished = [found for video in by_video.keys() & published for found in by_video[video]]
    orphans = [found for video in by_video.keys() - published for found in _orphans(video, by_video[video], bench)]
    kinds = (
        ("published videos", finished),
        ("attempts that were not committed", orphans),
        ("probes", work.list(layout.probes)),
        ("files that killed writers left", work.abandoned(layout.root)),
        (
            "epochs that are over",
            [
                found
                for prefix in (layout.epochs, layout.heartbeats, layout.progresses)
                for found in _but_the_last(work.list(prefix))
            ],
        ),
    )
    sorted_out = (*(_garbage(kind, objects) for kind, objects in kinds), *_uploads(bench))
    return [garbage for garbage in sorted_out if garbage.keys]


def delete_garbage(found: Iterable[Garbage], bench: Bench) -> None:
    """Delete what was found. An upload is aborted before its record goes."""
    for garbage in found:
        for upload in garbage.uploads:
            abort(upload, bench)
        bench.work.delete(garbage.keys)


def _orphans(video_id: str, objects: Iterable[ObjectInfo], bench: Bench) -> Iterator[ObjectInfo]:
    layout = bench.layout
    made = [found for found in objects if found.key.startswith((layout.segments(video_id), layout.sounds(video_id)))]
    if not made:
        return
    commits = (committed(bench.work, found.key, ChunkDone) for found in bench.work.list(layout.commits(video_id)))
    named = {done.segment_key for done in commits if done}
    sound = committed(bench.work, layout.sound_commit(video_id), SoundDone)
    yield from (found for found in made if found.key not in named and not (sound and found.key == sound.key))


def _uploads(bench: Bench) -> Iterator[Garbage]:
    """Of a job that nobody is running no upload is under way."""
    recorded = list(unfinished(bench))
    left = [one for one in recorded if one.size_bytes is not None]
    yield Garbage(
        kind="uploads that were not finished",
        keys=tuple(one.key for one in left),
        size_bytes=sum(one.size_bytes or 0 for one in left),
        uploads=tuple(one.upload for one in left),
    )
    void = tuple(one.key for one in recorded if one.size_bytes is None)
    yield Garbage(kind="records of uploads that are over", keys=void, size_bytes=0)


def _but_the_last(objects: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    return sorted(objects, key=lambda found: found.key)[:-1]


def _garbage(kind: str, objects: Iterable[ObjectInfo]) -> Garbage:
    known = list(objects)
    return Garbage(
        kind=kind, keys=tuple(found.key for found in known), size_bytes=sum(found.size_bytes for found in known)
    )
