"""Records as JSON documents, and digests of them and of files. Canonical: equal records give equal bytes everywhere."""

import hashlib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

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
