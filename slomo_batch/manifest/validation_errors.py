"""Problems in a manifest, as a dotted path and a message, from the errors that pydantic reports.

The message of an unknown key suggests a similar one from the whole manifest.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from slomo_batch.manifest.scalars import nearest
from slomo_batch.manifest.sections import Section

Path = tuple[str | int, ...]

_SECRETS = ("access_key", "secret", "password", "token", "credential")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem, and where it is."""

    path: Path
    text: str
    """What is wrong with the value at `path`."""
    whole: bool = False
    """Whether the text already names the path."""

    def __str__(self) -> str:
        return self.text if self.whole or not self.path else f"{dotted(self.path)}: {self.text}"


def dotted(path: Path) -> str:
    """Format a path: inputs[0].retime.slowdown."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def problems_of(error: ValidationError, root: type[Section]) -> list[Problem]:
    """Return every problem in a validation against `root`. A wrong version is the only one reported."""
    found = [_problem(detail, root) for detail in error.errors(include_url=False)]
    version = [problem for problem, detail in zip(found, error.errors(), strict=True) if detail["type"] == "version"]
    return version or found


def _problem(detail: ErrorDetails, root: type[Section]) -> Problem:
    path: Path = tuple(step for step in detail["loc"] if step != "[key]")
    match detail["type"]:
        case "missing":
            return Problem(path=path, text="is missing")
        case "extra_forbidden":
            return _unknown(path, root)
        case "dict_type":
            return Problem(path=path, text="expected a mapping (lines of `key: value`)")
        case "tuple_type":
            return Problem(path=path, text="expected a list (lines that start with `- `)")
        case _:
            return Problem(path=path, text=detail["msg"])


def _unknown(path: Path, root: type[Section]) -> Problem:
    key, inside = str(path[-1]), path[:-1]
    if any(secret in key.lower() for secret in _SECRETS):
        return Problem(
            path=path,
            text="unknown key; credentials do not belong in a manifest: set them in the environment or in an AWS "
            "profile, or use the machine's role",
        )
    here = keys_of(section_at(inside, root))
    return Problem(path=path, text=f"unknown key{_hint(key, here, root)}")


def _hint(key: str, here: Sequence[str], root: type[Section]) -> str:
    everywhere = [dotted(path) for path in leaves(root)]
    elsewhere = [name for name in everywhere if name.rpartition(".")[2] == key]
    if key in elsewhere:
        return "; it belongs at the top level"
    near = next(iter(elsewhere), "") or nearest(key, here) or nearest(key, everywhere)
    return f"; did you mean {near}?" if near else f"; known keys are {', '.join(here)}"


# ---- the shape of the sections -------------------------------------------------------------------------------------


def keys_of(section: type[Section]) -> list[str]:
    """Return the keys of a section."""
    return [field.alias or name for name, field in section.model_fields.items()]


def subsection(section: type[Section], key: str) -> type[Section] | None:
    """Return the section under a key, or that of the entries of a list; None for a single value."""
    for name, field in section.model_fields.items():
        if (field.alias or name) == key:
            kinds: Iterable[object] = (field.annotation, *get_args(field.annotation))
            return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
    return None


def section_at(path: Path, root: type[Section]) -> type[Section]:
    """Return the section at a path, ignoring the indices of list entries."""
    section = root
    for step in path:
        inner = subsection(section, step) if isinstance(step, str) else section
        section = inner or section
    return section


def leaves(section: type[Section], prefix: Path = ()) -> Iterator[Path]:
    """Yield the paths of all single values that are not in lists."""
    for key in keys_of(section):
        inner = subsection(section, key)
        if inner is None:
            yield (*prefix, key)
        elif not _in_list(section, key):
            yield from leaves(inner, (*prefix, key))


def _in_list(section: type[Section], key: str) -> bool:
    return bool(get_args(section.model_fields[key].annotation)) if key in section.model_fields else False
