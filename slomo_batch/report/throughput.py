"""Throughput: how fast the machines of a job make frames, measured from the chunks in its ledger.

The speed is per machine, because machines are what is paid for: while several chunks run on a machine at a time, each
counts with its share of that time. Other steps, start-up and waiting are not in it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slomo_batch.report.ledger import LedgerTable

_COLUMNS = ("video_id", "host", "frames", "began_utc", "took_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameClass:
    """What the time per output frame depends on."""

    method: str
    weights: str
    width: int
    """Of a picture, in pixels."""
    height: int

    @property
    def num_pixels(self) -> int:
        """Of a picture."""
        return self.width * self.height


@dataclass(slots=True, kw_only=True)
class Measured:
    """Output frames, and the machine time in which they were made."""

    frames: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """The speed of one machine: as given, or as measured for each class of frames."""

    given_per_s: float | None = None
    """Output frames per second, whatever their class; None: `measured` counts."""
    measured: Mapping[FrameClass, Measured] = field(default_factory=dict)

    def hours(self, frames: int, wanted: FrameClass) -> float | None:
        """The hours in which one machine makes these frames; None if nothing comparable was measured.

        Without pictures of that size, the time of others with the same method is scaled by their pixels.
        """
        if self.given_per_s is not None:
            return frames / self.given_per_s / 3600
        basis = [(one, self.measured[one]) for one in self.basis(wanted)]
        if not basis:
            return None
        seconds = sum(found.seconds for _, found in basis)
        pixels = sum(one.num_pixels * found.frames for one, found in basis)
        return frames * wanted.num_pixels * seconds / pixels / 3600

    def basis(self, wanted: FrameClass) -> Sequence[FrameClass]:
        """What was measured that the hours of these frames follow from: their class, or else those of other sizes."""
        if wanted in self.measured:
            return [wanted]
        return [one for one in self.measured if (one.method, one.weights) == (wanted.method, wanted.weights)]


def chunk_videos(ledger: LedgerTable) -> Sequence[str]:
    """The ids of the videos whose chunks were timed, in the order in which they come first."""
    return list(dict.fromkeys(row["video_id"] for row in _timed_chunks(ledger)))


def measured_throughput(ledger: LedgerTable, class_of: Callable[[str], FrameClass | None]) -> Throughput:
    """Sum up the chunks in a ledger; `class_of` returns the class of a video's frames by its id, if it is known."""
    of_host: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in _timed_chunks(ledger):
        of_host[row["host"]].append(row)
    measured: dict[FrameClass, Measured] = defaultdict(Measured)
    for rows in of_host.values():
        share = busy_s((row["began_utc"].timestamp(), row["took_s"]) for row in rows) / sum(
            row["took_s"] for row in rows
        )
        for row in rows:
            frame_class = class_of(row["video_id"])
            if frame_class is not None:
                measured[frame_class].frames += row["frames"]
                measured[frame_class].seconds += row["took_s"] * share
    return Throughput(measured=dict(measured))


def _timed_chunks(ledger: LedgerTable) -> Iterator[Mapping[str, Any]]:
    kinds = ledger["kind"].to_pylist()
    columns = [ledger[name].to_pylist() for name in _COLUMNS]
    for kind, *cells in zip(kinds, *columns, strict=True):
        row = dict(zip(_COLUMNS, cells, strict=True))
        if kind == "chunk" and row["frames"] and row["took_s"] and row["began_utc"] is not None:
            yield row


def busy_s(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in which at least one attempt of a machine ran; each is given by when it began, and what it took."""
    total_s = end_s = 0.0
    for began_s, took_s in sorted(spans):
        total_s += max(0.0, began_s + took_s - max(began_s, end_s))
        end_s = max(end_s, began_s + took_s)
    return total_s
