"""The weights of Super SloMo. This module handles names and paths; it loads torch only to read a file."""

from pathlib import Path

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.method import MethodWeights


def _network(path: Path) -> str:
    from slomo_batch.interpolators.superslomo.weights import load  # noqa: PLC0415 loads torch

    return load(path).network


def _as_safetensors(original: Path, folder: Path) -> Path:
    """Convert a public checkpoint; other files are kept."""
    from slomo_batch.interpolators.superslomo.weights import import_checkpoint  # noqa: PLC0415 loads torch

    if original.suffix == ".safetensors":
        return original
    imported = folder / "imported.safetensors"
    import_checkpoint(original, imported)
    return imported


WEIGHTS = MethodWeights(folder=Path(__file__).parent / "shipped", network=_network, prepare=_as_safetensors)
shipped_names = WEIGHTS.names
resolve_name = WEIGHTS.resolve


def shipped_file(name: str) -> Path:
    """Return the file of a versioned shipped name.

    Raises:
        WeightsError: no weights of this name are shipped.
    """
    path = WEIGHTS.shipped_file(name)
    if path is None:
        raise WeightsError(
            "no shipped weights of this name", expected=f"one of {', '.join(shipped_names())}", got=repr(name)
        )
    return path
