"""From what `make training-data` fetched to what training reads: arrays in a cache folder.

    python -m slomo_batch.training.prepare FETCHED FOLDER

writes into FOLDER photographs/*.npy, [H, W, 3], and films/*.npy, [windows, 9, H, W, 3], all uint8. A file that is there
is not made again. What a film's windows may hold stands in FILMS, frame by frame.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from slomo_batch.errors import ManifestError
from slomo_batch.sanitize import one_line
from slomo_batch.training.image_files import Rgb, frames, photograph

LONGEST_PX = 1280
SMALLEST_BYTES = 150_000
"""Smaller files are thumbnails and flat drawings."""
SIZE_IN_NAME = re.compile(r"_?\d+x\d+$")
MIN_SHORT_SIDE_PX = 600
MIN_DETAIL = 1.5
"""Mean step between neighbouring pixels, of 255: less is a gradient that shows no motion."""
Window = NDArray[np.uint8]
"""[frames, H, W, 3]."""
WINDOW = 9
MAX_STEP = 24.0
"""Mean change between neighbouring frames, of 255: more is a cut."""
MIN_STEP = 0.4
"""Less is a still."""

HELD_OUT_FOLDS = 8
"""Every eighth photograph is for validation only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPart:
    """Windows of a film that go into one array."""

    name: str
    source: str
    """File name among what was fetched."""
    size: tuple[int, int]
    ranges: tuple[tuple[int, int], ...]
    """Frames [start, end) that windows are taken from."""
    stride: int
    """Frames from one window's start to the next's."""


FILMS = (
    # Left out: titles, credits, and frames 550 to 1500, the bunny at his burrow: a clip of the public ladder is there.
    FilmPart(
        name="film-train",
        source="bbb.mp4",
        size=(640, 360),
        ranges=((24, 400), (1500, 4200), (5100, 8900), (9700, 11600)),
        stride=12,
    ),
    FilmPart(name="film-validation", source="bbb.mp4", size=(640, 360), ranges=((4250, 5050), (8950, 9650)), stride=30),
    FilmPart(name="world-validation", source="world.mp4", size=(480, 270), ranges=((0, 900),), stride=60),
)
"""What is cut from which film. Scenes of validation are in no window of training."""


def prepare(fetched: Path, folder: Path) -> None:
    """Make every array that is not there yet."""
    (folder / "photographs").mkdir(parents=True, exist_ok=True)
    (folder / "films").mkdir(exist_ok=True)
    for path in largest_of_each(fetched.rglob("*")):
        name = "-".join(path.relative_to(fetched).with_suffix(".npy").parts)
        _photograph_kept(path, folder / "photographs" / name)
    for part in FILMS:
        target = folder / "films" / f"{part.name}.npy"
        (source,) = fetched.rglob(part.source)
        if not target.exists():
            _save(target, np.stack(list(windows(frames(source, part.size), part.ranges, part.stride))))
            sys.stdout.write(one_line(target.name) + "\n")


def largest_of_each(paths: Iterable[Path]) -> list[Path]:
    """Picture files, of those that differ only in the size in their names (1280x1024.jpg) the largest."""
    best: dict[str, Path] = {}
    for path in sorted(paths):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"} or path.stat().st_size < SMALLEST_BYTES:
            continue
        what = str(path.parent / SIZE_IN_NAME.sub("", path.stem))
        if what not in best or path.stat().st_size > best[what].stat().st_size:
            best[what] = path
    return sorted(best.values())


def _photograph_kept(path: Path, target: Path) -> None:
    if target.exists():
        return
    image = photograph(path, LONGEST_PX)
    if min(image.shape[:2]) >= MIN_SHORT_SIDE_PX and detail(image) >= MIN_DETAIL:
        _save(target, image)
        sys.stdout.write(one_line(target.name) + "\n")


def detail(image: Rgb) -> float:
    """Mean step from a pixel to the next, across and down."""
    wide = image.astype(np.float32)
    return float(np.abs(np.diff(wide, axis=0)).mean() + np.abs(np.diff(wide, axis=1)).mean())


def _save(target: Path, array: NDArray[np.uint8]) -> None:
    """Write whole or not at all."""
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, array)
    os.replace(partial, target)  # noqa: PTH105 replaces on every system


def windows(film: Iterable[Rgb], ranges: Sequence[tuple[int, int]], stride: int) -> Iterator[NDArray[np.uint8]]:
    """Windows of 9 frames, `stride` apart within each range, in which something moves and nothing is cut."""
    starts = {start for first, end in ranges for start in range(first, end - WINDOW + 1, stride)}
    last = max(starts) + WINDOW
    open_windows: list[list[Rgb]] = []
    for number, frame in enumerate(film):
        if number == last:
            return
        if number in starts:
            open_windows.append([])
        for window in open_windows:
            window.append(frame)
        if open_windows and len(open_windows[0]) == WINDOW:
            whole = np.stack(open_windows.pop(0))
            if _moves_without_cut(whole):
                yield whole


def _moves_without_cut(window: NDArray[np.uint8]) -> bool:
    steps = np.abs(np.diff(window[:, ::4, ::4].astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    return bool(steps.min() >= MIN_STEP and steps.max() <= MAX_STEP and steps.max() <= 6 * np.median(steps))


def photographs(folder: Path, *, held_out: bool) -> list[Rgb]:
    """The prepared photographs for training, or those for validation."""
    paths = sorted((folder / "photographs").glob("*.npy"))
    return [np.load(path) for number, path in enumerate(paths) if (number % HELD_OUT_FOLDS == 0) == held_out]


class MappedWindows(Sequence[Window]):
    """Windows of film in a file, read as they are touched; a process they are sent to opens the file for itself."""

    def __init__(self, path: Path) -> None:
        """Map the file."""
        self._path = path
        self._windows: Window = np.load(path, mmap_mode="r")

    def __reduce__(self) -> tuple[type["MappedWindows"], tuple[Path]]:
        return MappedWindows, (self._path,)

    def __len__(self) -> int:
        return len(self._windows)

    @overload
    def __getitem__(self, number: int) -> Window: ...
    @overload
    def __getitem__(self, number: slice) -> list[Window]: ...
    def __getitem__(self, number: int | slice) -> Window | list[Window]:
        return list(self._windows[number]) if isinstance(number, slice) else self._windows[number]


def film_windows(folder: Path, name: str) -> MappedWindows:
    """Windows of a part of a film.

    Raises:
        ManifestError: they are not there.
    """
    path = folder / "films" / f"{name}.npy"
    if not path.exists():
        raise ManifestError("is not prepared", where=str(path), remedy="`make training-data` makes it.")
    return MappedWindows(path)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]))
