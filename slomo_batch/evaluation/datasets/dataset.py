"""What a layout is: how one data set of the field lies in its folder, and which cases its benchmark makes of it.

A layout decides over names of files only; no picture is read here. So a data set that is not whole is found out before
any work, and a new one is one file beside this.
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
"""`evaluators` says what each is."""
View = Literal["whole", "half", "centre"]
"""What of a picture is used: all; all at half its size, by means over 2 x 2 pixels; the middle half each way."""
MAX_FAULTS = 8
"""Missing files that are named; the others are counted."""

HALFWAY = (Fraction(1, 2),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question of a benchmark: two pictures, and the true ones between them."""

    name: str
    """Its name within the data set."""
    part: str = ""
    """What the benchmark gives a number of its own: easy, 2K; empty where it gives one."""
    i0: Path
    i1: Path
    truths: tuple[Path, ...]
    times: tuple[Fraction, ...] = HALFWAY
    """Of each of the truths, within (0, 1)."""
    before: Path | None = None
    """The picture one pair's distance before i0, for methods that look beyond the pair; None: the set has none."""
    after: Path | None = None
    mask: Path | None = None
    """Where there is motion, as the data set says."""
    view: View = "whole"

    def files(self) -> Iterable[Path]:
        """Every file of it."""
        return filter(None, (self.before, self.i0, *self.truths, self.i1, self.after, self.mask))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One data set of the field."""

    name: str
    """As `--layout` takes it."""
    marks: tuple[str, ...]
    """What tells a folder of it: glob patterns, of which one finds something."""
    evaluators: tuple[EvaluatorName, ...]
    """How its benchmark judges; of several each gives rows of its own."""
    num_published: int
    """Cases of the whole data set; 0 where that is not known."""
    cases: Callable[[Path], list[Case]]
    """The cases of a folder, in their order; raises ManifestError where what lists them is missing."""


def whole_cases(layout: Layout, folder: Path) -> list[Case]:
    """The cases of a folder, every file of them there.

    Raises:
        ManifestError: files are missing; it names them.
    """
    cases = layout.cases(folder)
    if not cases:
        raise incomplete(layout.name, folder, ["there are no cases in it"])
    files = dict.fromkeys(path for case in cases for path in case.files())
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise incomplete(layout.name, folder, [f"{inside(path, folder)} is missing" for path in missing])
    return cases


def incomplete(name: str, folder: Path, faults: Sequence[str]) -> ManifestError:
    """The error of a data set that is not whole; of many faults the first are told."""
    told = list(faults[:MAX_FAULTS])
    if len(faults) > MAX_FAULTS:
        told.append(f"and {len(faults) - MAX_FAULTS} more")
    return ManifestError(
        f"the folder is not a whole {name} data set",
        where=str(folder),
        problems=tuple(told),
        remedy="docs/benchmarks/datasets.md says how each lies in its folder.",
    )


def listed(name: str, folder: Path, file: str) -> list[str]:
    """The lines of a list in the folder, without empty ones.

    Raises:
        ManifestError: there is no such list.
    """
    path = folder / file
    if not path.is_file():
        raise incomplete(name, folder, [f"{file} is missing"])
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def folders_in(name: str, folder: Path, within: str) -> list[Path]:
    """The folders in a folder of the set, by number where their names are numbers, else by name.

    Raises:
        ManifestError: there is no such folder.
    """
    place = folder / within
    if not place.is_dir():
        raise incomplete(name, folder, [f"{within} is missing"])
    return sorted(
        (path for path in place.iterdir() if path.is_dir()),
        key=lambda path: (not path.name.isdecimal(), int(path.name) if path.name.isdecimal() else 0, path.name),
    )


def inside(path: Path, folder: Path) -> str:
    """The path within the folder, as a person looks for it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
