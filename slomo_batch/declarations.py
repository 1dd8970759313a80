"""Declare a setting once: its type and default are those of a record's field; this adds what a person must know of it.

Everything else follows from the declaration: how the manifest reads and validates the value, the JSON Schema, the
options of `convert`, the tables of docs/manifest.md and docs/cli.md, and whether an id includes the setting.
"""

import re
from dataclasses import Field, dataclass, field, fields, is_dataclass
from fractions import Fraction
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
_KEY = "declaration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What is declared of a setting, beside its name, type and default."""

    doc: str
    """What it does, in Markdown, on one line."""
    values: str = ""
    """The values that it takes, in Markdown, if its type does not say it."""
    unset: str = ""
    """What an empty default means."""
    form: str = ""
    """The kind of text that the value is, if the type does not say it: a key of `manifest.readers.FORMS`."""
    least: int | None = None
    """The least number. None: a number must be above 0."""
    choices: tuple[Fraction, ...] = ()
    """The only numbers allowed; empty if all are."""
    is_later: bool = False
    """Whether the setting was added after the first version. Ids include a later setting only if it does not have its
    default, which must mean what was done before."""
    changes_output: bool = True
    """Whether the published file depends on it."""


def setting(default: T, doc: str, **more: Any) -> T:
    """Return the field of a record that is a setting. `more` are the other fields of `Declaration`."""
    whole: T = field(default=default, metadata={_KEY: Declaration(doc=" ".join(doc.split()), **more)})
    return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSetting:
    """A declared setting of a record."""

    path: str
    """Dotted, from the record: encode.codec."""
    kind: Any
    """Its type."""
    default: Any
    declaration: Declaration


def declaration_of(one: "Field[Any]") -> Declaration | None:
    """Return what is declared of a field; None if it is not a setting."""
    found: Declaration | None = one.metadata.get(_KEY)
    return found


def declared_settings(record: type, prefix: str = "") -> list[DeclaredSetting]:
    """List the settings of a record and of the records in it, in order."""
    kinds = get_type_hints(record)
    found = []
    for one in fields(record):
        kind, declaration, path = kinds[one.name], declaration_of(one), f"{prefix}{one.name}"
        if declaration is not None:
            found.append(DeclaredSetting(path=path, kind=kind, default=one.default, declaration=declaration))
        elif is_dataclass(kind) and isinstance(kind, type):
            found += declared_settings(kind, f"{path}.")
    return found


# ---- what a declaration says, as text ------------------------------------------------------------------------------


def words_of(kind: Any) -> list[str]:
    """Return the words that a setting of this type takes."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [word for member in get_args(kind) for word in words_of(member)]


def values_of(one: DeclaredSetting) -> str:
    """Return the values that a setting takes, in Markdown; empty if only its form says it."""
    declaration = one.declaration
    if declaration.values or declaration.form:
        return declaration.values
    if one.kind is bool:
        return listed(["true", "false"])
    words = words_of(one.kind)
    if declaration.choices:
        return listed([*words, *map(str, declaration.choices)])
    if declaration.least is None:
        return listed(words)
    return ", or ".join([*([listed(words)] if words else []), f"{declaration.least} and more"])


def default_of(one: DeclaredSetting) -> str:
    """Return the default of a setting, in Markdown."""
    if one.default in ("", ()):
        return one.declaration.unset
    return f"`{str(one.default).lower() if isinstance(one.default, bool) else one.default}`"


def listed(words: list[str]) -> str:
    """Return words as a list in Markdown."""
    return ", ".join(f"`{word}`" for word in words)


_REFERENCE = re.compile(r"[;.] [Ss]ee \[[^]]*\]\(#[^)]*\)| \(\[why\]\([^)]*\)\)")
"""References to other parts of the documentation."""
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def without_links(doc: str) -> str:
    """Return what a setting does on one line, in Markdown without links."""
    return " ".join(_LINK.sub(r"\1", _REFERENCE.sub("", doc)).split())
