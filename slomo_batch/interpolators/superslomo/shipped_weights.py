"""The weights that the package brings, by name. Knows files and names; opens none."""

from pathlib import Path

from slomo_batch.errors import WeightsError

_SHIPPED = Path(__file__).parent / "shipped"


def shipped_names() -> list[str]:
    """Versioned names of the weights in the package, the oldest first."""
    return sorted((path.stem for path in _SHIPPED.glob("*.safetensors")), key=_version)


def _version(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("-")
    return stem, int(number)


def resolve_name(name: str) -> str:
    """What `interpolate.weights` stands for: the newest version of a shipped name, a versioned name, or the URI itself.

    Raises:
        WeightsError: a bare name that is not shipped.
    """
    names = shipped_names()
    versions = [known for known in names if known.rpartition("-")[0] == name]
    if versions:
        return versions[-1]
    if name in names or "/" in name or Path(name).suffix:
        return name
    raise WeightsError("no shipped weights of this name", expected=", ".join(["compact", *names]), got=repr(name))


def shipped_file(name: str) -> Path:
    """The file of a versioned shipped name.

    Raises:
        WeightsError: there is none.
    """
    if name not in shipped_names():
        raise WeightsError("no shipped weights of this name", expected=", ".join(shipped_names()), got=repr(name))
    return _SHIPPED / f"{name}.safetensors"
