"""The timeline of a job: what each slot of each machine did, few enough pieces to draw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from slomo_batch.report.pages.job_history import Attempted, JobHistory
from slomo_batch.report.slots import Slots

MOST_PIECES = 20_000
"""About the most pieces of all tracks together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Attempts in one slot with gaps too short to draw; either all failed or none."""

    began_s: float
    ended_s: float
    busy_s: float
    number: int
    """Of attempts."""
    first: Attempted


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotHistory:
    """One slot: of a worker, or of its machine for steps without a model."""

    host: str
    name: str
    pieces: Sequence[Piece]

    @property
    def busy_s(self) -> float:
        """Time in which the slot held an attempt."""
        return sum(piece.busy_s for piece in self.pieces)


def slot_histories(history: JobHistory, most_pieces: int = MOST_PIECES) -> Sequence[SlotHistory]:
    """Return the tracks, ordered by machine, workers first."""
    slots = Slots()
    by_track: dict[tuple[str, bool, int, int], list[Attempted]] = {}
    for one in history.attempts:
        is_step = one.step != "interpolate"
        group = one.host, is_step, 0 if is_step else one.process
        slot = slots.take(group, one.began_s, one.began_s + one.took_s)
        by_track.setdefault((*group, slot), []).append(one)
    grain_s = _grain_s(by_track.values(), most_pieces)
    return [
        SlotHistory(
            host=host,
            name=f"steps, slot {slot + 1}" if is_step else f"worker {process}, slot {slot + 1}",
            pieces=_pieces(by_track[host, is_step, process, slot], grain_s),
        )
        for host, is_step, process, slot in sorted(by_track)
    ]


def _grain_s(tracks: Iterable[Sequence[Attempted]], most_pieces: int) -> float:
    """The longest gap that is not drawn, so that about `most_pieces` remain; below 0 if all can be drawn."""
    neighbors = (pair for track in tracks for pair in pairwise(track))
    gaps_s = sorted((_gap_s(*pair) for pair in neighbors if _are_alike(*pair)), reverse=True)
    return gaps_s[most_pieces] if len(gaps_s) > most_pieces else -1.0


def _gap_s(one: Attempted, following: Attempted) -> float:
    return max(0.0, following.began_s - one.began_s - one.took_s)


def _are_alike(one: Attempted, other: Attempted) -> bool:
    return one.is_failure == other.is_failure


def _pieces(attempts: Sequence[Attempted], grain_s: float) -> Sequence[Piece]:
    """The attempts of one slot; those with gaps of at most `grain_s` between them are one piece."""
    groups: list[list[Attempted]] = []
    for one in attempts:
        last = groups[-1][-1] if groups else None
        if last is not None and _are_alike(last, one) and _gap_s(last, one) <= grain_s:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [
        Piece(
            began_s=group[0].began_s,
            ended_s=group[-1].began_s + group[-1].took_s,
            busy_s=sum(one.took_s for one in group),
            number=len(group),
            first=group[0],
        )
        for group in groups
    ]
