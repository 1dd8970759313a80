"""Faults of what a person wrote, as a dotted path and words: from what pydantic found to what helps.

An unknown key is told with the known one that it resembles, here or elsewhere in the manifest; one that a later version
will take is refused by its name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from slomo_batch.manifest.sections import Section
from slomo_batch.manifest.values import nearest

Path = tuple[str | int, ...]

LATER_KEYS = frozenset({("retime", "ramp"), ("interpolate", "tiles")})
"""Settings that a later version will take."""
_SECRETS = ("access_key", "secret", "password", "token", "credential")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where."""

    path: Path
    text: str
    """What is wrong with what stands at `path`."""
    whole: bool = False
    """The text names its path itself."""

    def __str__(self) -> str:
        return self.text if self.whole or not self.path else f"{dotted(self.path)}: {self.text}"


def dotted(path: Path) -> str:
    """A path as a person writes it: inputs[0].retime.slowdown."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def problems_of(error: ValidationError, root: type[Section]) -> list[Problem]:
    """Every fault that validating against `root` found."""
    found = [_fault(detail, root) for detail in error.errors(include_url=False)]
    version = [fault for fault, detail in zip(found, error.errors(), strict=True) if detail["type"] == "version"]
    return version or found


def _fault(detail: ErrorDetails, root: type[Section]) -> Problem:
    path: Path = detail["loc"]
    match detail["type"]:
        case "missing":
            return Problem(path=path, text="is missing")
        case "extra_forbidden":
            return _unknown(path, root)
        case "not_yet":
            return Problem(path=path, text=f"not yet supported: {dotted(path)}: {detail['msg']}", whole=True)
        case "tuple_type":
            return Problem(path=path, text="a list belongs here (lines that begin with `- `)")
        case _:
            return Problem(path=path, text=detail["msg"])


def _unknown(path: Path, root: type[Section]) -> Problem:
    key, inside = str(path[-1]), path[:-1]
    if tuple(step for step in path[-2:] if isinstance(step, str)) in LATER_KEYS:
        return Problem(path=path, text=f"not yet supported: {dotted(path)}", whole=True)
    if any(secret in key.lower() for secret in _SECRETS):
        return Problem(
            path=path,
            text="unknown key; credentials never stand in a manifest: they come from the environment, a profile or the "
            "machine's role, as with every AWS tool",
        )
    here = keys_of(section_at(inside, root))
    return Problem(path=path, text=f"unknown key{_hint(key, here, root)}")


def _hint(key: str, here: Sequence[str], root: type[Section]) -> str:
    everywhere = [dotted(path) for path in leaves(root)]
    elsewhere = [name for name in everywhere if name.rpartition(".")[2] == key]
    near = next(iter(elsewhere), "") or nearest(key, here) or nearest(key, everywhere)
    return f"; did you mean {near}?" if near else f"; known here are {', '.join(here)}"


# ---- the shape of the sections -------------------------------------------------------------------------------------


def keys_of(section: type[Section]) -> list[str]:
    """The keys a section takes, as they are written."""
    return [field.alias or name for name, field in section.model_fields.items()]


def subsection(section: type[Section], key: str) -> type[Section] | None:
    """The section under a key (or of a list's entries under it), None where there is a single value."""
    for name, field in section.model_fields.items():
        if (field.alias or name) == key:
            kinds: Iterable[object] = (field.annotation, *get_args(field.annotation))
            return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
    return None


def section_at(path: Path, root: type[Section]) -> type[Section]:
    """The section at a path, numbers of list entries left aside."""
    section = root
    for step in path:
        inner = subsection(section, step) if isinstance(step, str) else section
        section = inner or section
    return section


def leaves(section: type[Section], prefix: Path = ()) -> Iterator[Path]:
    """The paths of all single values that are not in lists."""
    for key in keys_of(section):
        inner = subsection(section, key)
        if inner is None:
            yield (*prefix, key)
        elif not _in_list(section, key):
            yield from leaves(inner, (*prefix, key))


def _in_list(section: type[Section], key: str) -> bool:
    return bool(get_args(section.model_fields[key].annotation)) if key in section.model_fields else False
