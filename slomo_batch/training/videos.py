"""Windows of videos for training: found in one pass over each video, decoded on access.

A window is WINDOW_FRAMES consecutive, evenly timed frames without a scene cut or a repeated frame (by the same cut
detection as in jobs). The index of a video is stored in the run folder under the file's fingerprint, so later runs skip
the pass. Decoded frames are never written to disk.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from slomo_batch.errors import ManifestError, SlomoError, SourceUnsupported
from slomo_batch.interpolators.cut_detection import PairKind, pair_kinds
from slomo_batch.media.reader import BLOCKS_AHEAD, RangeReader
from slomo_batch.media.rgb import pictures_with_pts, rgb_frames_at
from slomo_batch.picture import Picture
from slomo_batch.records.requests import Source
from slomo_batch.serialization import digest, from_json, to_json
from slomo_batch.storage.store import Locate
from slomo_batch.training.prepare import WINDOW_FRAMES, Window

MAX_STEP_RATIO = 1.5
"""Largest ratio of two frame intervals in a window; above 1, since containers round times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedVideo:
    """The index of one video. Stored as JSON in the run folder, so its fields keep their names."""

    source: Source
    width: int
    """Size of the stored pictures, in pixels."""
    height: int
    pts: tuple[int, ...]
    """Timestamps of all frames that decode, increasing."""
    runs: tuple[tuple[int, int], ...]
    """Ranges of frames [start, end) in which every window is usable."""

    def first_frames(self, stride: int = 1) -> "FirstFrames":
        """Return the index of the first frame of each window; in each run, they are `stride` frames apart."""
        return FirstFrames(self.runs, stride)


class FirstFrames(Sequence[int]):
    """The first frame of each window of a video, in order, computed from its runs when it is asked for."""

    def __init__(self, runs: Sequence[tuple[int, int]], stride: int) -> None:
        self._of_runs = [range(start, end - WINDOW_FRAMES + 1, stride) for start, end in runs]
        self._ends = list(accumulate(map(len, self._of_runs)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> int:  # type: ignore[override]  # no caller slices
        """Return the first frame of window `number`."""
        if number >= len(self):
            raise IndexError(number)
        run, place = place_in(self._ends, number)
        return self._of_runs[run][place]


def place_in(ends: Sequence[int], number: int) -> tuple[int, int]:
    """Return which of consecutive parts, given by their cumulative lengths, has item `number`, and its place there."""
    part = bisect_right(ends, number)
    return part, number - (ends[part - 1] if part else 0)


ReadDocument = Callable[[str], bytes | None]
WriteDocument = Callable[[str, bytes], None]


def index_videos(
    sources: Iterable[Source],
    locate: Locate,
    *,
    read_document: ReadDocument,
    write_document: WriteDocument,
    log: Callable[[str], None],
    threads: int,
) -> list[IndexedVideo]:
    """Return the index of each video, stored by an earlier run or built by decoding the video once.

    Args:
        sources: the videos.
        locate: returns the store of a URI, and the key in it.
        read_document: returns the document with a name, or None.
        write_document: stores a document under a name.
        log: called with a line for each video that is indexed.
        threads: number of videos indexed in parallel.

    Raises:
        ManifestError: some videos cannot be used; the error lists each with its reason.
    """

    def known(source: Source) -> IndexedVideo | SlomoError:
        name = f"windows/{digest(source.uri, source.fingerprint, str(WINDOW_FRAMES))}.json"
        data = read_document(name)
        if data is not None:
            return from_json(IndexedVideo, data)
        try:
            film = index_video(source, locate)
        except SlomoError as error:
            return error
        log(f"{source.uri}: {len(film.first_frames())} windows in {len(film.pts)} frames")
        write_document(name, to_json(film))
        return film

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(known, sources))
    faults = tuple(str(answer) for answer in found if isinstance(answer, SlomoError))
    if faults:
        raise ManifestError(
            "some videos cannot be used for training",
            problems=faults,
            remedy="Exclude them with `without`, or repair them.",
        )
    return [film for film in found if isinstance(film, IndexedVideo)]


def index_video(source: Source, locate: Locate) -> IndexedVideo:
    """Decode a video once, and find its usable windows.

    Raises:
        VideoError, StorageError: the video cannot be read, or has no usable window.
    """
    pts: list[int] = []
    size = (0, 0)

    def collect(frames: Iterable[tuple[int, Picture]]) -> Iterator[Picture]:
        nonlocal size
        for time, picture in frames:
            pts.append(time)
            size = picture.width, picture.height
            yield picture

    pictures = collect(pictures_with_pts(open_reader(source, locate), source.uri))
    joins = [kind is PairKind.MOVING for kind in pair_kinds(pictures)]
    runs = tuple(usable_runs(pts, joins))
    if not runs:
        raise SourceUnsupported(
            "no usable window: too few consecutive, evenly timed frames without cuts and repeats",
            where=source.uri,
            expected=f"at least {WINDOW_FRAMES} frames",
            got=f"a video of {len(pts)} frames",
        )
    return IndexedVideo(source=source, width=size[0], height=size[1], pts=tuple(pts), runs=runs)


def usable_runs(pts: Sequence[int], joins: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield the longest ranges [start, end) of continuous, evenly timed frames that a window fits in."""
    start = 0
    steps = [after - before for before, after in pairwise(pts)]
    for number in range(1, len(pts) + 1):
        if number < len(pts) and joins[number - 1] and _is_even(steps[start:number]):
            continue
        if number - start >= WINDOW_FRAMES:
            yield start, number
        start = number


def _is_even(steps: Sequence[int]) -> bool:
    return max(steps[-WINDOW_FRAMES:]) <= MAX_STEP_RATIO * min(steps[-WINDOW_FRAMES:])


def open_reader(source: Source, locate: Locate) -> RangeReader:
    """Open the source for ranged reads, each of which checks the fingerprint of the file."""
    store, key = locate(source.uri)
    return RangeReader(
        lambda start, end: store.get_range(key, start, end, fingerprint=source.fingerprint),
        source.size_bytes,
        blocks_ahead=0 if store.root.is_local else BLOCKS_AHEAD,
    )


class VideoWindows(Sequence[Window]):
    """The windows of several videos, uint8 [frames, H, W, 3]; each is decoded on access."""

    def __init__(self, videos: Sequence[IndexedVideo], locate: Locate, *, longest_px: int = 0, stride: int = 1) -> None:
        """Use these videos.

        Args:
            videos: the indexed videos.
            locate: returns the store of a URI, and the key in it.
            longest_px: a picture whose longer side exceeds this is downscaled to it; 0: never.
            stride: frames between the starts of two windows.
        """
        self._locate, self._longest_px, self._videos = locate, longest_px, videos
        self._first_frames = [video.first_frames(stride) for video in videos]
        self._ends = list(accumulate(map(len, self._first_frames)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Window:  # type: ignore[override]  # no caller slices
        """Decode window `number`.

        Raises:
            VideoError, StorageError: the video has changed since it was indexed, or cannot be read.
        """
        video, place = place_in(self._ends, number)
        film, first = self._videos[video], self._first_frames[video][place]
        reader = open_reader(film.source, self._locate)
        frames = rgb_frames_at(
            reader, film.source.uri, film.pts[first : first + WINDOW_FRAMES], longest_px=self._longest_px
        )
        return np.stack(frames)


class ConcatWindows(Sequence[Window]):
    """The concatenation of several sequences of windows."""

    def __init__(self, *parts: Sequence[Window]) -> None:
        self._parts = parts
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Window:  # type: ignore[override]  # no caller slices
        """Return window `number`."""
        part, place = place_in(self._ends, number)
        return self._parts[part][place]
