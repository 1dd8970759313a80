"""Convert the files that `make training-data` downloads to arrays that training reads.

    python -m slomo_batch.training.prepare FETCHED FOLDER

writes FOLDER/photographs/*.npy, [H, W, 3], and FOLDER/films/*.npy, [windows, 9, H, W, 3], all uint8. Existing files are
kept. FILMS lists the ranges of frames that windows come from.
"""

import argparse
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
from slomo_batch.serialization import digest
from slomo_batch.training.image_files import Rgb, read_frames, read_photograph
from slomo_batch.training.programs import run_program

LONGEST_PX = 1280
SMALLEST_BYTES = 150_000
"""Smaller files are skipped: they are thumbnails or flat drawings."""
SIZE_IN_NAME = re.compile(r"_?\d+x\d+$")
MIN_SHORT_SIDE_PX = 600
MIN_DETAIL = 1.5
"""Least mean difference of adjacent pixels, of 255: smoother pictures show no motion."""
Window = NDArray[np.uint8]
"""[frames, H, W, 3]."""
WINDOW_FRAMES = 9
MAX_STEP = 24.0
"""Largest mean difference of consecutive frames, of 255: more is a cut."""
MIN_STEP = 0.4
"""Least mean difference of consecutive frames, of 255: less is a still."""

HELD_OUT_FOLDS = 8
"""Every eighth photograph is used for validation only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPart:
    """The windows of a film that one array contains."""

    name: str
    source: str
    """Name of the downloaded file."""
    size: tuple[int, int]
    """Width and height, in pixels."""
    ranges: tuple[tuple[int, int], ...]
    """Ranges of frames [start, end) that windows are taken from."""
    stride: int
    """Frames between the starts of two windows."""


FILMS = (
    # Without titles, credits, and frames 550 to 1500 (the bunny at his burrow): a clip of the public ladder is there.
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
"""The parts of each film. No validation scene is in a training window."""


def prepare(fetched: Path, folder: Path) -> None:
    """Write every array that does not exist yet.

    Raises:
        ManifestError: a downloaded film does not exist.
    """
    sources = {part.source: next(fetched.rglob(part.source), None) for part in FILMS}
    missing = tuple(f"{fetched / name} does not exist" for name, source in sources.items() if source is None)
    if missing:
        raise ManifestError("downloads are missing", problems=missing, remedy="Run `make training-data`.")
    (folder / "photographs").mkdir(parents=True, exist_ok=True)
    (folder / "films").mkdir(exist_ok=True)
    for path in largest_of_each(fetched.rglob("*")):
        name = "-".join(path.relative_to(fetched).with_suffix(".npy").parts)
        _prepare_photograph(path, folder / "photographs" / name)
    for part in FILMS:
        target = folder / "films" / f"{part.name}.npy"
        source = sources[part.source]
        if source is not None and not target.exists():
            _save(target, np.stack(list(cut_windows(read_frames(source, part.size), part.ranges, part.stride))))
            sys.stdout.write(one_line(target.name) + "\n")


def largest_of_each(paths: Iterable[Path]) -> list[Path]:
    """List picture files; of files whose names differ only in a size (1280x1024.jpg), the largest."""
    best: dict[str, Path] = {}
    for path in sorted(paths):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"} or path.stat().st_size < SMALLEST_BYTES:
            continue
        what = str(path.parent / SIZE_IN_NAME.sub("", path.stem))
        if what not in best or path.stat().st_size > best[what].stat().st_size:
            best[what] = path
    return sorted(best.values())


def _prepare_photograph(path: Path, target: Path) -> None:
    if target.exists():
        return
    image = read_photograph(path, LONGEST_PX)
    if min(image.shape[:2]) >= MIN_SHORT_SIDE_PX and detail(image) >= MIN_DETAIL:
        _save(target, image)
        sys.stdout.write(one_line(target.name) + "\n")


def detail(image: Rgb) -> float:
    """Mean absolute difference of adjacent pixels, vertical plus horizontal."""
    wide = image.astype(np.float32)
    return float(np.abs(np.diff(wide, axis=0)).mean() + np.abs(np.diff(wide, axis=1)).mean())


def _save(target: Path, array: NDArray[np.uint8]) -> None:
    """Write the file atomically."""
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, array)
    os.replace(partial, target)  # noqa: PTH105 replaces on every system


def cut_windows(film: Iterable[Rgb], ranges: Sequence[tuple[int, int]], stride: int) -> Iterator[NDArray[np.uint8]]:
    """Yield windows of 9 frames, `stride` apart within each range, that contain motion and no cut."""
    starts = {start for first, end in ranges for start in range(first, end - WINDOW_FRAMES + 1, stride)}
    last = max(starts) + WINDOW_FRAMES
    open_windows: list[list[Rgb]] = []
    for number, frame in enumerate(film):
        if number == last:
            return
        if number in starts:
            open_windows.append([])
        for window in open_windows:
            window.append(frame)
        if open_windows and len(open_windows[0]) == WINDOW_FRAMES:
            whole = np.stack(open_windows.pop(0))
            if _moves_without_cut(whole):
                yield whole


def _moves_without_cut(window: NDArray[np.uint8]) -> bool:
    steps = np.abs(np.diff(window[:, ::4, ::4].astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    return bool(steps.min() >= MIN_STEP and steps.max() <= MAX_STEP and steps.max() <= 6 * np.median(steps))


def load_photographs(folder: Path, *, held_out: bool) -> list[Rgb]:
    """Load the prepared photographs for training or, if `held_out`, for validation."""
    paths = sorted((folder / "photographs").glob("*.npy"))
    return [np.load(path) for number, path in enumerate(paths) if (number % HELD_OUT_FOLDS == 0) == held_out]


class MappedWindows(Sequence[Window]):
    """The windows in a memory-mapped file; pickled as a path, which the other process maps again."""

    def __init__(self, path: Path) -> None:
        """Memory-map the file."""
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


def open_film_windows(folder: Path, name: str) -> MappedWindows:
    """Open the windows of a film part.

    Raises:
        ManifestError: the file does not exist.
    """
    path = folder / "films" / f"{name}.npy"
    if not path.exists():
        raise ManifestError("prepared training data not found", where=str(path), remedy="Run `make training-data`.")
    return MappedWindows(path)


def prepared_id(folder: Path) -> Iterator[str]:
    """Yield what tells prepared data from others: of each array the name, the size, and a digest of its beginning."""
    for path in sorted(folder.rglob("*.npy")):
        with path.open("rb") as file:
            beginning = file.read(1 << 16)
        yield digest(path.relative_to(folder).as_posix(), str(path.stat().st_size), beginning)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run this module as a program and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m slomo_batch.training.prepare", allow_abbrev=False)
    parser.add_argument("fetched", metavar="FETCHED", type=Path, help="the folder of the downloaded files")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder to write the arrays to")
    return run_program(lambda options: prepare(options.fetched, options.folder), parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
