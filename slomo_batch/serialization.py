"""Convert records to JSON and back, and compute digests. Equal records give equal bytes on every machine."""

import hashlib
from collections.abc import Callable
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
    """The record, or the plain value, as compact UTF-8 JSON; fractions of a record as "a/b"."""
    return _adapter(record.__class__).dump_json(record)


def from_json(kind: type[T], data: bytes) -> T:
    """Read a record that `to_json` wrote.

    Raises:
        pydantic.ValidationError: the document is not of this kind.
    """
    record: T = _adapter(kind).validate_json(data)
    return record


def parse_json(data: bytes) -> Any:
    """The JSON value in `data`.

    Raises:
        ValueError: it is not valid JSON; the message is one line.
    """
    return _validated(lambda: _ADAPTER_OF_ANYTHING.validate_json(data))


def to_record(kind: type[T], values: Any) -> T:
    """A record of this class from the values of its fields, as JSON has them.

    Raises:
        ValueError: a value is missing, or is not of the field's type; the message is one line.
    """
    record: T = _validated(lambda: _adapter(kind).validate_python(values))
    return record


_ADAPTER_OF_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def _validated(validate: Callable[[], T]) -> T:
    try:
        return validate()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def problem_lines(error: Exception) -> tuple[str, ...]:
    """One line for each wrong key of a failed `from_json`; for other errors, the lines of their message."""
    if not isinstance(error, ValidationError):
        return tuple(str(error).splitlines())
    texts = {"missing": "is missing", "unexpected_keyword_argument": "unknown key"}
    return tuple(
        f"{'.'.join(map(str, detail['loc'])) or 'document'}: {texts.get(detail['type'], detail['msg'])}"
        for detail in error.errors(include_url=False, include_input=False)
    )


def digest(*parts: str | bytes) -> str:
    """32 hex digits that identify these parts. Text is digested as its UTF-8 bytes."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:32]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
