"""A published data set: how its files are laid out in a folder, and the cases of its benchmark.

A data set maps file names to cases; no picture is read here. An incomplete folder is therefore reported before any work
starts, and a new data set takes one file in this package.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from slomo_batch.errors import ManifestError

EvaluatorName = Literal[
    "ladder",
    "masks corrected",
    "masks original",
    "whole frames",
    "Super SloMo",
    "IE rms",
    "IE absolute",
    "Niklaus",
    "XVFI",
]
"""Described in `evaluators`."""
View = Literal["whole", "half", "center"]
"""The part of a picture that is used: all of it; all of it at half size (2x2 means); the central half each way."""
MAX_LISTED = 8
"""Missing files that an error names; further ones are counted."""

MIDDLE = (Fraction(1, 2),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkCase:
    """One test case of a benchmark: two pictures, and the true pictures between them."""

    name: str
    """Its name within the data set."""
    part: str = ""
    """The part of the benchmark that is reported separately, such as easy or 2K; empty if there is only one."""
    i0: Path
    i1: Path
    truths: tuple[Path, ...]
    times: tuple[Fraction, ...] = MIDDLE
    """Time of each true picture, within (0, 1)."""
    before: Path | None = None
    """The picture one pair distance before i0, for methods that read context; None if the data set has none."""
    after: Path | None = None
    """The picture one pair distance after i1, likewise."""
    mask: Path | None = None
    """The motion mask."""
    view: View = "whole"

    def files(self) -> Iterable[Path]:
        """Yield every file of the case."""
        return filter(None, (self.before, self.i0, *self.truths, self.i1, self.after, self.mask))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A published data set and its benchmark."""

    name: str
    """The value of `--layout`."""
    markers: tuple[str, ...]
    """Glob patterns that identify its folder; one match is enough."""
    evaluators: tuple[EvaluatorName, ...]
    """The evaluators of its benchmark; each has its own rows in the report."""
    num_published: int
    """Cases of the complete data set; 0 if unknown."""
    cases: Callable[[Path], list[BenchmarkCase]]
    """Returns the cases of a folder in order; raises ManifestError if a list or folder of cases is missing."""


def load_cases(dataset: Dataset, folder: Path) -> list[BenchmarkCase]:
    """Return the cases of a folder, and check that every file exists.

    Raises:
        ManifestError: files are missing; the error names them.
    """
    cases = dataset.cases(folder)
    if not cases:
        raise incomplete_error(dataset.name, folder, ["no cases found"])
    files = dict.fromkeys(path for case in cases for path in case.files())
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise incomplete_error(dataset.name, folder, [f"{path_within(path, folder)} is missing" for path in missing])
    return cases


def incomplete_error(name: str, folder: Path, problems: Sequence[str]) -> ManifestError:
    """Return the error for an incomplete data set; it lists the first MAX_LISTED problems and counts the others."""
    listed = list(problems[:MAX_LISTED])
    if len(problems) > MAX_LISTED:
        listed.append(f"and {len(problems) - MAX_LISTED} more")
    return ManifestError(
        f"incomplete {name} data set",
        where=str(folder),
        problems=tuple(listed),
        remedy="See docs/benchmarks/datasets.md for the expected files.",
    )


def read_list(name: str, folder: Path, file: str) -> list[str]:
    """Read the lines of a list in the folder, without empty ones.

    Raises:
        ManifestError: the list is missing.
    """
    path = folder / file
    if not path.is_file():
        raise incomplete_error(name, folder, [f"{file} is missing"])
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def subfolders(name: str, folder: Path, within: str) -> list[Path]:
    """List the subfolders of a folder in the data set: numeric names by number, then others by name.

    Raises:
        ManifestError: the folder is missing.
    """
    base = folder / within
    if not base.is_dir():
        raise incomplete_error(name, folder, [f"{within} is missing"])
    return sorted(
        (path for path in base.iterdir() if path.is_dir()),
        key=lambda path: (not path.name.isdecimal(), int(path.name) if path.name.isdecimal() else 0, path.name),
    )


def path_within(path: Path, folder: Path) -> str:
    """Return the path relative to the folder, for messages."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
