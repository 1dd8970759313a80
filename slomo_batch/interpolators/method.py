"""Method: the descriptor by which an interpolation method is found, planned and opened.

Other packages add methods. Such a package has an entry point in the group `slomo_batch.interpolators`, whose name is
the method's, as manifests write it, and whose value is a `Method`:

    [project.entry-points."slomo_batch.interpolators"]
    nearest = "slomo_nearest:METHOD"

This module loads neither torch nor a method.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slomo_batch.errors import StorageError, WeightsError
from slomo_batch.records.plans import FIRST_BATCH_PX
from slomo_batch.settings import Precision

if TYPE_CHECKING:
    from slomo_batch.interpolators.contract import AnyInterpolator


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpolatorSpec:
    """Everything that decides an interpolator."""

    method: str
    weights_path: str = ""
    """A local weights file; empty if the method has no weights."""
    precision: Precision = "fp32"
    """Of the convolutions of a network."""
    flow_scale: Fraction = Fraction(1)
    """Resolution of flow estimation, 1 / n of the picture."""
    pyramid_levels: int = 1
    """Levels of the coarse-to-fine flow pyramid; ignored by networks without one."""
    threads: int = 1
    """Threads that torch uses on the CPU. They are set before the method is opened."""
    batch_px: int = FIRST_BATCH_PX
    """Pixels of the frames that a network makes at once; it makes at least one frame."""
    tile_px: int = 0
    """Pixels of the tiles in which a network makes a frame; 0 makes frames whole."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a CUDA device if there is one."""


def _one_network(path: Path) -> str:
    """The name of the network of a method that has only one."""
    del path
    return ""


def _unchanged(original: Path, folder: Path) -> Path:
    del folder
    return original


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodWeights:
    """The weights of a method: those in its package, by name, and files that a manifest names by URI."""

    folder: Path
    """The shipped weights: files NAME-N.safetensors, version N of the weights NAME. Their content never changes."""
    network: Callable[[Path], str] = _one_network
    """Names the network that a file is for, or raises a WeightsError if the file cannot be used."""
    prepare: Callable[[Path, Path], Path] = _unchanged
    """Takes a file as it was fetched, and a folder, and returns the file that is kept and opened: a converted one in
    the folder, or the same. Raises a WeightsError if the file cannot be used."""

    def names(self) -> list[str]:
        """Return the versioned names of the shipped weights, oldest first."""
        return sorted((path.stem for path in self.folder.glob("*.safetensors")), key=_version)

    def resolve(self, name: str) -> str:
        """Resolve `interpolate.weights`: a shipped name to its newest version; versioned names and URIs to themselves.

        Raises:
            WeightsError: the name is neither shipped nor a path or URI.
        """
        names = self.names()
        versions = [known for known in names if known.rpartition("-")[0] == name]
        if versions:
            return versions[-1]
        if name in names or names_weights_file(name):
            return name
        stems = dict.fromkeys(known.rpartition("-")[0] for known in names)
        raise WeightsError(
            "no shipped weights of this name",
            expected=f"one of {', '.join([*stems, *names])}" if names else "the URI of a file",
            got=repr(name),
            remedy="To use a file, give its path with its suffix.",
        )

    def shipped_file(self, name: str) -> Path | None:
        """Return the file of a versioned shipped name; None if there is none."""
        return self.folder / f"{name}.safetensors" if name in self.names() else None


def _version(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("-")
    return stem, int(number)


def names_weights_file(weights: str) -> bool:
    """Return whether weights are given by the location of a file, not by a shipped name."""
    return "/" in weights or Path(weights).suffix != ""


def weights_not_found(uri: str, weights: MethodWeights) -> WeightsError:
    """Return the error of weights whose file does not exist."""
    known = ", ".join(weights.names())
    remedy = f"Name a file, or one of the shipped weights: {known}." if known else "Name a file."
    return WeightsError("weights not found", where=uri, remedy=remedy)


def weights_not_fetched(uri: str, error: StorageError) -> WeightsError:
    """Return the error of weights whose file cannot be read."""
    return WeightsError("cannot fetch the weights", where=uri, got=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """An interpolation method."""

    name: str
    """As manifests write it."""
    open: Callable[[InterpolatorSpec], "AnyInterpolator"]
    """Opens the method in the process that runs it. The same spec on the same device gives the same pixels."""
    context: int = 0
    """Number of source frames that the method reads beyond a pair, on either side."""
    weights: MethodWeights | None = None
    """None if the method has no weights."""
    about: str = ""
    """Two sentences for a person: how it makes a frame, and where it fails."""
    has_evidence: bool = False
    """Whether the method judges its frames (`contract.JudgingInterpolator`), which `interpolate.doubt` needs."""
    pixel_version: int = 1
    """Raised with every change that changes a pixel. Frames of two versions are never joined."""
