"""Agenda: all open videos in the orders in which their work may come next, and what they come to together.

`note` a video after every change of it; that costs O(log n) of the open videos, every question O(1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from slomo_batch.planning.events import Step
from slomo_batch.planning.open_video import STEPS, OpenVideo
from slomo_batch.planning.ranking import Ranking


@dataclass(slots=True)
class _Counted:
    """What one video adds to the sums over all open ones."""

    ready: int = 0
    held: int = 0


class Agenda:
    """The open videos of a job."""

    def __init__(self, *, most_held: int) -> None:
        """`most_held`: chunk objects of one video that count as held; it may hold more."""
        self._most_held = most_held
        self._videos: dict[int, OpenVideo] = {}
        self._counted: dict[int, _Counted] = {}
        self._wanting: dict[Step, Ranking] = {step: Ranking() for step in STEPS}
        self._by_age, self._by_chunks_left, self._suspect = Ranking(), Ranking(), Ranking()
        self.num_ready = 0
        """Chunks whose objects stand and that are neither done nor running."""
        self.num_held = 0
        """Chunk objects that stand unmade, or will when the running splits end."""

    def __len__(self) -> int:
        return len(self._videos)

    def __iter__(self) -> Iterator[OpenVideo]:
        return iter(self._videos.values())

    def get(self, number: int) -> OpenVideo | None:
        """The video, while it is open."""
        return self._videos.get(number)

    # ---- who is next -----------------------------------------------------------------------------------------------

    def wanting(self, step: Step) -> OpenVideo | None:
        """The oldest video that wants this step now."""
        return self._first(self._wanting[step])

    def oldest_runnable(self) -> OpenVideo | None:
        """The oldest video with a chunk waiting."""
        return self._first(self._by_age)

    def fewest_left(self) -> OpenVideo | None:
        """Of the videos with a chunk waiting the one with the fewest chunks left."""
        return self._first(self._by_chunks_left)

    def oldest_suspect(self) -> OpenVideo | None:
        """The oldest video with a suspect waiting."""
        return self._first(self._suspect)

    def _first(self, ranking: Ranking) -> OpenVideo | None:
        return self._videos[ranking.first()] if ranking else None

    # ---- what changed ----------------------------------------------------------------------------------------------

    def take_in(self, video: OpenVideo) -> None:
        """A video is open from here on."""
        self._videos[video.number] = video
        self.note(video)

    def note(self, video: OpenVideo) -> None:
        """See what changed of a video; nothing, where it has ended."""
        number = video.number
        if number not in self._videos:
            return
        for step, wanting in self._wanting.items():
            _rank(wanting, number, number, present=video.wants(step))
        _rank(self._by_age, number, number, present=video.has_waiting)
        _rank(self._by_chunks_left, number, video.num_unmade, present=video.has_waiting)
        _rank(self._suspect, number, number, present=video.has_suspects)
        self._count(number, video.num_ready, min(video.num_held, self._most_held))

    def forget(self, number: int) -> None:
        """The video has ended."""
        del self._videos[number]
        for ranking in (*self._wanting.values(), self._by_age, self._by_chunks_left, self._suspect):
            ranking.discard(number)
        self._count(number, 0, 0)
        del self._counted[number]

    def _count(self, number: int, ready: int, held: int) -> None:
        counted = self._counted.setdefault(number, _Counted())
        self.num_ready += ready - counted.ready
        self.num_held += held - counted.held
        counted.ready, counted.held = ready, held


def _rank(ranking: Ranking, number: int, key: int, *, present: bool) -> None:
    if present:
        ranking.put(number, key)
    else:
        ranking.discard(number)
