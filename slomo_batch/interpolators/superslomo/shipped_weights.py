"""The weights in the package, by name. This module handles names and paths, and opens no file."""

from pathlib import Path

from slomo_batch.errors import WeightsError

_SHIPPED = Path(__file__).parent / "shipped"


def shipped_names() -> list[str]:
    """Return the versioned names of the weights in the package, oldest first."""
    return sorted((path.stem for path in _SHIPPED.glob("*.safetensors")), key=_version)


def _version(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("-")
    return stem, int(number)


def resolve_name(name: str) -> str:
    """Resolve `interpolate.weights`: a shipped name to its newest version; versioned names and URIs to themselves.

    Raises:
        WeightsError: the name is neither shipped nor a path or URI.
    """
    names = shipped_names()
    versions = [known for known in names if known.rpartition("-")[0] == name]
    if versions:
        return versions[-1]
    if name in names or "/" in name or Path(name).suffix:
        return name
    raise WeightsError(
        "no shipped weights of this name",
        expected=f"one of {', '.join(['compact', *names])}",
        got=repr(name),
        remedy="To use a file, give its path with its suffix.",
    )


def shipped_file(name: str) -> Path:
    """Return the file of a versioned shipped name.

    Raises:
        WeightsError: no weights of this name are shipped.
    """
    if name not in shipped_names():
        raise WeightsError(
            "no shipped weights of this name", expected=f"one of {', '.join(shipped_names())}", got=repr(name)
        )
    return _SHIPPED / f"{name}.safetensors"
