"""Records as JSON documents, and digests of them and of files. Canonical: equal records give equal bytes everywhere."""

import hashlib
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(record: object) -> bytes:
    """The record as compact UTF-8 JSON; fractions as "a/b"."""
    return _adapter(record.__class__).dump_json(record)


def from_json(kind: type[T], data: bytes) -> T:
    """Read what `to_json` wrote.

    Raises:
        pydantic.ValidationError: the document is not of this kind.
    """
    record: T = _adapter(kind).validate_json(data)
    return record


VERSION = 1
"""Of the documents in a work place; those of the first version do not say it.

Documents of all versions are read. A field that is added has a default: the value that means what the versions without
it did. The number is raised only when a program that does not know a field would misread the document.
"""
_VERSION = re.compile(rb'\{"version":([0-9]+),')
_CHECKED = re.compile(rb'(\{.*),"checksum":"([0-9a-f]{32})"\}', re.DOTALL)


def to_stored(record: object, name: str) -> bytes:
    """The record as a JSON document for the work place.

    The first entry is the version; the last is a checksum of `name` and all other entries. `name` is the document's key
    within its job.
    """
    data = b'{"version":%d,%s' % (VERSION, to_json(record)[1:])
    return b'%s,"checksum":"%s"}' % (data[:-1], _checksum(name, data))


def version_of(data: bytes) -> int:
    """The version of a stored document; 1 where it says none."""
    said = _VERSION.match(data)
    return int(said[1]) if said else 1


def is_intact(data: bytes, name: str) -> bool:
    """Whether a stored document has a checksum, and it is that of this name and the other entries."""
    checked = _CHECKED.fullmatch(data)
    return checked is not None and _checksum(name, checked[1] + b"}") == checked[2]


def from_stored(kind: type[T], data: bytes, name: str) -> T:
    """Read what `to_stored` wrote; or what `to_json` wrote, since the first version stored no checksum.

    Raises:
        ValueError: the document is not of this kind, or its checksum is not that of this name and these entries.
    """
    if _CHECKED.fullmatch(data) and not is_intact(data, name):
        raise ValueError("a checksum that does not match: the record was altered, or belongs under another key")
    try:
        return from_json(kind, data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def _checksum(name: str, data: bytes) -> bytes:
    return hashlib.sha256(b"%s\n%s" % (name.encode(), data)).hexdigest()[:32].encode()


def digest(*parts: str | bytes) -> str:
    """32 hex digits that name these parts: equal parts, equal digest. A text counts as its UTF-8 bytes."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:32]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
