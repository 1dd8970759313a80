"""Windows of videos: where they stand, found by one pass over each video; and their frames, decoded when asked for.

A window is so many frames in a row, evenly timed, none of them cut off from the one before or a repeat of it, as the
product itself judges pairs. What is known of a video is kept as a document named for the file's fingerprint: the next
run does not look again. No frame is ever written to a disk.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from slomo_batch.errors import ManifestError, SlomoError, SourceUnsupported
from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind, classify_pair
from slomo_batch.manifest.inputs import Locate
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import pictures_with_pts, rgb_frames_at
from slomo_batch.picture import Picture
from slomo_batch.records import Source
from slomo_batch.serialization import digest, from_json, to_json
from slomo_batch.training.prepare import WINDOW, Window

UNEVEN = 1.5
"""Neighbouring frames may be so many times further apart than others of their window: containers round times."""
Windows = Sequence[Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What is known of one video."""

    source: Source
    width: int
    """Of its pictures as they are stored."""
    height: int
    pts: tuple[int, ...]
    """Of every frame that decodes, rising."""
    runs: tuple[tuple[int, int], ...]
    """Frames [start, end) in which every window may be taken."""

    @property
    def num_windows(self) -> int:
        """Windows of all runs; they overlap."""
        return sum(end - start - WINDOW + 1 for start, end in self.runs)

    def first_frame(self, window: int) -> int:
        """The frame that a window begins with, by its number among the video's."""
        for start, end in self.runs:
            if window < end - start - WINDOW + 1:
                return start + window
            window -= end - start - WINDOW + 1
        raise IndexError(window)


Kept = Callable[[str], bytes | None]
Keep = Callable[[str, bytes], None]


def films_of(
    sources: Iterable[Source], locate: Locate, *, kept: Kept, keep: Keep, tell: Callable[[str], None], threads: int
) -> list[Film]:
    """What is known of each video: kept from an earlier run, or found by decoding it once.

    Args:
        sources: the videos.
        locate: their store and key.
        kept: what was kept under a name, None where there is nothing.
        keep: keeps it.
        tell: is told of each video that is looked through.
        threads: videos looked through at a time.

    Raises:
        ManifestError: videos that cannot be used, all of them, each with the reason.
    """

    def known(source: Source) -> Film | SlomoError:
        name = f"windows/{digest(source.uri, source.fingerprint, str(WINDOW))}.json"
        data = kept(name)
        if data is not None:
            return from_json(Film, data)
        try:
            film = look_through(source, locate)
        except SlomoError as error:
            return error
        tell(f"{source.uri}: {film.num_windows} windows in {len(film.pts)} frames")
        keep(name, to_json(film))
        return film

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(known, sources))
    faults = tuple(str(answer) for answer in found if isinstance(answer, SlomoError))
    if faults:
        raise ManifestError(
            "videos cannot be used to train on", problems=faults, remedy="Leave them out with `without`, or mend them."
        )
    return [film for film in found if isinstance(film, Film)]


def look_through(source: Source, locate: Locate) -> Film:
    """Decode a video once, and find where its windows stand.

    Raises:
        VideoError, StorageError: it cannot be read, or holds no window.
    """
    pts: list[int] = []
    size = (0, 0)

    def noted(frames: Iterable[tuple[int, Picture]]) -> Iterator[Picture]:
        nonlocal size
        for time, picture in frames:
            pts.append(time)
            size = picture.width, picture.height
            yield picture

    joins = list(joined(noted(pictures_with_pts(reader_of(source, locate), source.uri))))
    runs = tuple(runs_of(pts, joins))
    if not runs:
        raise SourceUnsupported(
            "no frames in a row that move, without a cut and evenly timed",
            where=source.uri,
            expected=f"at least {WINDOW}",
            got=f"a video of {len(pts)} frames",
        )
    return Film(source=source, width=size[0], height=size[1], pts=tuple(pts), runs=runs)


def joined(pictures: Iterable[Picture]) -> Iterator[bool]:
    """Whether each picture but the first moves on from the one before: neither a cut nor a repeat."""
    window: list[Picture | None] = [None] * (1 + 2 * CONTEXT)
    for picture in _with_end(pictures):
        window = [*window[-(1 + 2 * CONTEXT) :], picture]
        if len(window) == 2 + 2 * CONTEXT and window[1] is not None and window[2] is not None:
            yield classify_pair(window) is PairKind.MOVING


def _with_end(pictures: Iterable[Picture]) -> Iterator[Picture | None]:
    yield from pictures
    yield from [None] * CONTEXT


def runs_of(pts: Sequence[int], joins: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Frames [start, end) that are joined and evenly timed, where a window fits in."""
    start = 0
    steps = [after - before for before, after in pairwise(pts)]
    for number in range(1, len(pts) + 1):
        if number < len(pts) and joins[number - 1] and _even(steps[start:number]):
            continue
        if number - start >= WINDOW:
            yield start, number
        start = number


def _even(steps: Sequence[int]) -> bool:
    return max(steps[-WINDOW:]) <= UNEVEN * min(steps[-WINDOW:])


def reader_of(source: Source, locate: Locate) -> RangeReader:
    """The source by ranged reads, every one of that very file."""
    store, key = locate(source.uri)
    return RangeReader(
        lambda start, end: store.get_range(key, start, end, fingerprint=source.fingerprint), source.size_bytes
    )


class VideoWindows(Sequence[Window]):
    """The windows of films, by number, [frames, H, W, 3]; each is decoded as it is asked for."""

    def __init__(self, films: Sequence[Film], locate: Locate, *, longest_px: int = 0) -> None:
        """Of these films; pictures whose longer side is above `longest_px` are averaged down to it (0: never)."""
        self._films, self._locate, self._longest_px = films, locate, longest_px
        self._ends = list(accumulate(film.num_windows for film in films))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Window:  # type: ignore[override]  # none is asked for by slices
        """The frames of window `number`.

        Raises:
            VideoError, StorageError: the video cannot be read any more as it was when it was looked through.
        """
        place = bisect_right(self._ends, number)
        film = self._films[place]
        first = film.first_frame(number - (self._ends[place - 1] if place else 0))
        reader = reader_of(film.source, self._locate)
        frames = rgb_frames_at(reader, film.source.uri, film.pts[first : first + WINDOW], longest_px=self._longest_px)
        return np.stack(frames)


class JoinedWindows(Sequence[Window]):
    """Windows of one kind after those of another."""

    def __init__(self, *parts: Sequence[Window]) -> None:
        self._parts = parts
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Window:  # type: ignore[override]  # none is asked for by slices
        """Window `number`."""
        part = bisect_right(self._ends, number)
        return self._parts[part][number - (self._ends[part - 1] if part else 0)]
