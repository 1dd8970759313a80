"""ReadyQueue: all open videos, in the orders in which their work may start, and the sums over them.

Call `note` after every change of a video. It costs O(log n) of the open videos; every query is O(1).
"""

from dataclasses import dataclass

from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.ranking import Key, Ranking
from slomo_batch.scheduler.video_state import STEPS, OpenVideo


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one video adds to the sums over all open ones."""

    ready: int = 0
    delayed: int = 0
    missing: int = 0
    held: int = 0
    foreseen: int = 0


class ReadyQueue:
    """The open videos of a job."""

    def __init__(self, *, most_held: int) -> None:
        """`most_held`: chunk objects of one video that count as held; it may hold more."""
        self._most_held = most_held
        self._videos: dict[int, OpenVideo] = {}
        self._counted: dict[int, _Counted] = {}
        self._wanting: dict[Step, Ranking] = {step: Ranking() for step in STEPS}
        self._by_age, self._fewest_left, self._most_left, self._isolated = Ranking(), Ranking(), Ranking(), Ranking()
        self.num_ready = 0
        """Chunks whose objects exist and that are neither done nor running."""
        self.num_delayed = 0
        """Of these, those that failed and wait for their back-off."""
        self.num_missing = 0
        """Chunks whose objects do not exist yet."""
        self.num_held = 0
        """Chunk objects of unmade chunks, those that the running splits will store included."""
        self.num_foreseen = 0
        """Chunks that can run soon."""

    def __len__(self) -> int:
        return len(self._videos)

    def get(self, number: int) -> OpenVideo | None:
        """The video, while it is open."""
        return self._videos.get(number)

    # ---- what comes next ---------------------------------------------------------------------------------------------

    def wanting(self, step: Step) -> OpenVideo | None:
        """The oldest video that wants this step now."""
        return self._first(self._wanting[step])

    def oldest_runnable(self) -> OpenVideo | None:
        """The oldest video with a chunk waiting. Here and below, videos that are trusted go first."""
        return self._first(self._by_age)

    def fewest_left(self) -> OpenVideo | None:
        """Of the videos with a chunk waiting the one with the fewest chunks left."""
        return self._first(self._fewest_left)

    def most_left(self) -> OpenVideo | None:
        """Of the videos with a chunk waiting the one with the most chunks left."""
        return self._first(self._most_left)

    def oldest_isolated(self) -> OpenVideo | None:
        """The oldest video with an isolated chunk waiting."""
        return self._first(self._isolated)

    def _first(self, ranking: Ranking) -> OpenVideo | None:
        return self._videos[ranking.first()] if ranking else None

    # ---- what changed ------------------------------------------------------------------------------------------------

    def take_in(self, video: OpenVideo) -> None:
        """Add a video that is open from here on."""
        self._videos[video.number] = video
        self.note(video)

    def note(self, video: OpenVideo) -> None:
        """Update the orders and sums after a change of a video. A video that has ended is ignored."""
        number = video.number
        if number not in self._videos:
            return
        for step, wanting in self._wanting.items():
            _rank(wanting, number, (False, number), present=video.wants(step))
        later, has_waiting, num_left = not video.is_trusted, video.has_waiting, video.num_unmade
        _rank(self._by_age, number, (later, number), present=has_waiting)
        _rank(self._fewest_left, number, (later, num_left), present=has_waiting)
        _rank(self._most_left, number, (later, -num_left), present=has_waiting)
        _rank(self._isolated, number, (False, number), present=video.has_isolated)
        held, foreseen = min(video.num_held, self._most_held), min(video.num_foreseen, self._most_held)
        self._count(number, _Counted(video.num_ready, video.num_delayed, video.num_missing, held, foreseen))

    def forget(self, number: int) -> None:
        """Remove a video that has ended."""
        del self._videos[number]
        for ranking in (*self._wanting.values(), self._by_age, self._fewest_left, self._most_left, self._isolated):
            ranking.discard(number)
        self._count(number, _Counted())
        del self._counted[number]

    def _count(self, number: int, now: _Counted) -> None:
        before = self._counted.get(number, _Counted())
        self._counted[number] = now
        self.num_ready += now.ready - before.ready
        self.num_delayed += now.delayed - before.delayed
        self.num_missing += now.missing - before.missing
        self.num_held += now.held - before.held
        self.num_foreseen += now.foreseen - before.foreseen


def _rank(ranking: Ranking, number: int, key: Key, *, present: bool) -> None:
    if present:
        ranking.put(number, key)
    else:
        ranking.discard(number)
