"""Garbage: what a job leaves in its work place and no longer needs. Found first, deleted only when told to.

Of a published video everything goes but its receipt. Of any other, only segments and sounds that no commit names: what
attempts left that lost, or whose worker died. Probes and the epochs before the last go too. Receipts, failures, the
ledger and the job's pins stay: they are its memory. Nothing outside the job's own prefix is looked at.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slomo_batch.documents import from_json
from slomo_batch.records import ChunkDone, Published, SoundDone
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.commit import committed
from slomo_batch.storage.store import ObjectInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Objects of one kind that may go."""

    kind: str
    """For a person."""
    keys: tuple[str, ...]
    size_bytes: int


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
        (
            "epochs that are over",
            [
                found
                for prefix in (layout.epochs, layout.heartbeats, layout.progresses)
                for found in _but_the_last(work.list(prefix))
            ],
        ),
    )
    sorted_out = (_garbage(kind, objects) for kind, objects in kinds)
    return [garbage for garbage in sorted_out if garbage.keys]


def delete_garbage(found: Iterable[Garbage], bench: Bench) -> None:
    """Delete what was found."""
    for garbage in found:
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


def _but_the_last(objects: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    return sorted(objects, key=lambda found: found.key)[:-1]


def _garbage(kind: str, objects: Iterable[ObjectInfo]) -> Garbage:
    known = list(objects)
    return Garbage(
        kind=kind, keys=tuple(found.key for found in known), size_bytes=sum(found.size_bytes for found in known)
    )
