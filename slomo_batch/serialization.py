"""Convert records to JSON and back, and compute digests. Equal records give equal bytes on every machine."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

T = TypeVar("T")


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def prepare(*kinds: type) -> None:
    """Prepare to convert records of these classes, which takes milliseconds for each."""
    for kind in kinds:
        _adapter(kind)


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
        InvalidRecord: a value is missing, or is not of the field's type.
    """
    record: T = _validated(lambda: _adapter(kind).validate_python(values))
    return record


_ADAPTER_OF_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


class InvalidRecord(ValueError):
    """Values that are not those of a record. The message is one line, of the first problem."""

    def __init__(self, problems: tuple[tuple[tuple[str | int, ...], str], ...]) -> None:
        self.problems = problems
        """The path of each wrong value, and what is wrong with it."""
        path, text = problems[0]
        super().__init__(f"{'.'.join(map(str, path))}: {text}" if path else text)


def _validated(validate: Callable[[], T]) -> T:
    try:
        return validate()
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise InvalidRecord(tuple((detail["loc"], _plain_text(detail)) for detail in details)) from error


_EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "an integer"),
    "int_parsing_size": "a shorter integer",
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "text",
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("dataclass_type", "dict_type"), "a mapping"),
}
"""What was expected, by pydantic's type of the error."""
MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""


def _plain_text(detail: ErrorDetails) -> str:
    """What is wrong with a value, in plain words."""
    kind, value = detail["type"], detail["input"]
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {_shown(value)}"
    match kind:
        case "missing":
            return "is missing"
        case "unexpected_keyword_argument":
            return "unknown key"
        case "literal_error":
            known = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
            return f"{_shown(value)} is not one of {', '.join(known)}"
        case "too_long":
            return f"expected at most {detail['ctx']['max_length']} values, got {detail['ctx']['actual_length']}"
    return detail["msg"]


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


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
