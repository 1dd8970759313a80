"""Types of the single values in a manifest, and their validation.

A scalar arrives as the text that was written ("2.5"), so that a number becomes a fraction without passing through a
binary float. A table cell may already be a number; a float is then read as its shortest decimal.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from slomo_batch.manifest.literal import LiteralUri
from slomo_batch.sanitize import is_utf8, one_line
from slomo_batch.settings import AudioMode, Codec, FpsTarget, Method, Precision
from slomo_batch.timeline.rates import parse_rational
from slomo_batch.uri import split_s3

PLACEHOLDERS = ("relpath", "stem", "name", "ext")
"""Placeholders of an output name: the folder below the input's fixed part, the file name without its suffix, the file
name, and the suffix without its dot."""

TABLE_SUFFIXES = (".parquet", ".pq", ".csv", ".jsonl", ".ndjson", ".json")
"""File suffixes of input tables."""

_RATIONAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?|-?[0-9]{1,18}/[0-9]{1,18}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RAY_ADDRESS = re.compile(
    r"(ray://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}|https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?"
)
_ADDRESS_WORDS = ("auto", "inline", "local")


# ---- errors --------------------------------------------------------------------------------------------------------


def invalid(message: str) -> PydanticCustomError:
    """Return the error of one value. Invalid Unicode is escaped, because pydantic cannot render it."""
    return PydanticCustomError("refused", "{message}", {"message": one_line(message)})


def not_yet(value: str) -> PydanticCustomError:
    """Return the error of a value that a later version will support."""
    return PydanticCustomError("not_yet", "{value}", {"value": one_line(value)})


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the most similar known word, ignoring case; "" if no similarity reaches `cutoff` (0 to 1)."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""


_SYNONYMS = {"h265": "hevc", "h.265": "hevc", "x265": "hevc", "x264": "h264", "avc": "h264"}
"""Other names of codecs, which are not similar to the known one, or similar to a wrong one."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message, such as "; did you mean h264?", or "" if nothing is similar."""
    near = nearest(_SYNONYMS.get(word.lower(), word), known)
    return f"; did you mean {near}?" if near else ""


# ---- readers: from what was written to the value -------------------------------------------------------------------


def text_of(value: object) -> str:
    """Return the text of one scalar."""
    if isinstance(value, str):
        return _usable(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal | Fraction):
        return str(value)
    kind = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__
    raise invalid(f"expected a single value, got {kind}")


def _usable(text: str) -> str:
    """Return the text if files and networks can use it. A name with bytes that are not UTF-8 is usable."""
    if "\0" in text:
        raise invalid(f"{text!r} contains a NUL character")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise invalid(f"{text!r} contains a lone surrogate") from None
    return text


def _choice(*known: str, later: tuple[str, ...] = ()) -> Callable[[object], str]:
    def read(value: object) -> str:
        word = text_of(value).strip()
        if word in known:
            return word
        if word in later:
            raise not_yet(word)
        raise invalid(f"{word!r} is not one of {', '.join(known)}{did_you_mean(word, known)}")

    return read


def _number(value: object) -> Fraction:
    word = text_of(value).strip()
    if not _RATIONAL.fullmatch(word):
        raise invalid(f"{word!r} is not a number; use a form such as 4, 2.5 or 5/2")
    try:
        return parse_rational(word)
    except ValueError as error:
        raise invalid(str(error)) from None


def _rational(*, least: Fraction | None = None) -> Callable[[object], Fraction]:
    def read(value: object) -> Fraction:
        number = _number(value)
        if least is not None and number < least:
            raise invalid(f"must be at least {least}, got {text_of(value)}")
        if least is None and number <= 0:
            raise invalid(f"must be greater than 0, got {text_of(value)}")
        return number

    return read


def _whole(*, least: int, most: int = 2**31 - 1) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = _number(value)
        if number.denominator != 1:
            raise invalid(f"must be an integer, got {text_of(value)}")
        if number < least:
            raise invalid(f"must be at least {least}, got {text_of(value)}")
        if number > most:
            raise invalid(f"must be at most {most}, got {text_of(value)}")
        return int(number)

    return read


def _auto_or(read_other: Callable[[object], object], *, examples: str) -> Callable[[object], object]:
    def read(value: object) -> object:
        word = text_of(value).strip()
        if word == "auto":
            return word
        if word[:1].isalpha():
            raise invalid(f"expected auto or {examples}, got {word!r}")
        return read_other(word)

    return read


def _flow_scale(value: object) -> object:
    number = _number(value)
    if number not in {Fraction(1), Fraction(1, 2), Fraction(1, 4)}:
        raise invalid(f"{text_of(value)} is not one of auto, 1, 1/2, 1/4")
    return number


def _fps(value: object) -> object:
    if isinstance(value, FpsTarget):
        return value
    word = text_of(value).strip()
    if word == "source":
        return FpsTarget(kind="source", value=Fraction(1))
    multiple = word.startswith("x")
    number = word[1:] if multiple else word
    if not _RATIONAL.fullmatch(number):
        raise invalid(
            f'{word!r} is not a frame rate; use source, a rate such as 60 or "60000/1001", or a multiple such as x2'
        )
    return FpsTarget(kind="multiple" if multiple else "rate", value=_rational()(number))


def _fps_text(fps: FpsTarget) -> str:
    """Return a frame rate as text that `_fps` reads."""
    return "source" if fps.kind == "source" else f"{'x' if fps.kind == 'multiple' else ''}{fps.value}"


def _flag(value: object) -> bool:
    word = text_of(value).strip()
    known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if word.lower() not in known:
        raise invalid(f"expected true or false, got {word!r}")
    return known[word.lower()]


def _version(value: object) -> int:
    word = text_of(value).strip()
    if word != "1":
        raise PydanticCustomError(
            "version", "{message}", {"message": f"unsupported manifest version {word!r} (supported: 1)"}
        )
    return 1


def _job_name(value: object) -> str:
    word = text_of(value)
    if not _JOB_NAME.fullmatch(word):
        raise invalid(
            f"invalid job name {word!r}; use at most 100 letters, digits, '.', '_' and '-', starting with a letter or "
            "digit"
        )
    return word


def location(value: object) -> str:
    """Validate a location of files: s3://bucket/key, file:///path, or a path, relative to the current directory."""
    word = text_of(value)
    if any(ord(character) < 32 for character in word):
        raise invalid(f"{word!r} contains a control character")
    scheme, separator, rest = word.partition("://")
    if not separator:
        return _local_path(word)
    if scheme == "s3":
        return _s3_uri(word)
    if scheme != "file":
        near = did_you_mean(scheme, ("s3", "file"))
        raise invalid(f"unsupported URI scheme {scheme}://; use s3://bucket/key or a local path{near}")
    if not rest.startswith(("/", "localhost/")):
        raise invalid(f"{word!r} has a host name; use file:///folder/name or a local path")
    if "%00" in word:
        raise invalid(f"{word!r} contains a NUL character")
    return word


def location_problem(text: str) -> str:
    """Return what is wrong with a location in a table; "" if it is valid."""
    try:
        location(text)
    except PydanticCustomError as error:
        return error.message()
    return ""


def _local_path(word: str) -> str:
    if word.startswith("s3:"):
        raise invalid(f"invalid S3 URI {word!r}; use s3://bucket/key")
    try:
        Path(word).expanduser()
    except RuntimeError:
        raise invalid(
            f"{word!r}: no such user on this machine; use ./~name for a file whose name starts with '~'"
        ) from None
    return word


def _s3_uri(word: str) -> str:
    bucket, key = split_s3(word)
    if not bucket:
        raise invalid(f"{word!r} has no bucket; use s3://bucket/key")
    if not _BUCKET.fullmatch(bucket):
        raise invalid(f"invalid bucket name {bucket!r}; use s3://bucket/key")
    if not is_utf8(word):
        raise invalid(f"{word!r} is not UTF-8, which S3 keys must be")
    if any(part in {".", ".."} for part in key.split("/")):
        raise invalid(f"{word!r} has a folder '.' or '..', which S3 keys cannot have")
    return word


WEIGHTS_SUFFIXES = (".safetensors", ".ckpt")


def names_weights_file(weights: str) -> bool:
    """Return whether weights are given by the location of a file, not by a shipped name."""
    return "/" in weights or weights.endswith(WEIGHTS_SUFFIXES)


def _weights(value: object) -> str:
    word = text_of(value)
    return location(word) if names_weights_file(word) else word


def _table(value: object) -> str:
    word = location(value)
    if not word.lower().endswith(TABLE_SUFFIXES):
        raise invalid(f"unsupported table {word!r}; its name must end in one of {', '.join(TABLE_SUFFIXES)}")
    return word


def _template(value: object) -> str:
    word = location(value)
    if isinstance(value, LiteralUri):
        _validate_literal(word, word, ends_open=False)
        return word.replace("{", "{{").replace("}", "}}")
    try:
        fields = list(Formatter().parse(word))
    except ValueError:
        raise invalid(f"unmatched brace in {word!r}; write {{{{ and }}}} for literal braces") from None
    for _, name, form, conversion in fields:
        if name is not None and name not in PLACEHOLDERS:
            known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
            raise invalid(f"unknown placeholder {{{name}}}; use one of {known}{did_you_mean(name, PLACEHOLDERS)}")
        if form or conversion:
            raise invalid(f"placeholder {{{name}}} has a format, which is not supported")
    _validate_literal(
        word, "".join(literal for literal, *_ in fields), ends_open=not fields or fields[-1][1] is not None
    )
    return word


def _validate_literal(word: str, literal: str, *, ends_open: bool) -> None:
    if any(character in literal for character in "*?"):
        raise invalid(f"{word!r} contains a wildcard (* or ?), which output names cannot have")
    if not ends_open and word.endswith("/"):
        raise invalid(f"{word!r} is a folder; add a file name")
    bucket, key = split_s3(word)
    if bucket and not key:
        raise invalid(f"{word!r} is a bucket; add a key")


def _address(value: object) -> str:
    word = text_of(value).strip()
    if word in _ADDRESS_WORDS or _RAY_ADDRESS.fullmatch(word):
        return word
    near = did_you_mean(word, _ADDRESS_WORDS)
    raise invalid(
        f"invalid cluster address {word!r}; use auto, inline, local or a Ray address such as head:6379, "
        f"http://head:8265 or ray://head:10001{near}"
    )


def _endpoint(value: object) -> str:
    word = text_of(value).strip()
    try:
        parts = urlsplit(word)
        plain = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        plain = False
    if not plain:
        raise invalid(f"invalid endpoint URL {word!r}; use a form such as https://minio.example.org:9000")
    if "@" in parts.netloc:
        raise invalid("contains credentials; set them in the environment or in an AWS profile")
    return word


def _owner(value: object) -> str:
    word = text_of(value).strip()
    if not re.fullmatch(r"[0-9]{12}", word):
        raise invalid(f"invalid AWS account id {word!r}; use 12 digits, in quotes if the first one is 0")
    return word


# ---- types, with their JSON Schema ---------------------------------------------------------------------------------

_NUMBER_TEXT = r"^[0-9]+(\.[0-9]+)?$|^[0-9]+/[0-9]+$"


def _number_schema(**bounds: int) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": _NUMBER_TEXT}]})


def _auto_schema(**bounds: int) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", **bounds}]})


Text = Annotated[str, BeforeValidator(text_of)]
Location = Annotated[str, BeforeValidator(location)]
Weights = Annotated[str, BeforeValidator(_weights)]
TableLocation = Annotated[str, BeforeValidator(_table)]
Template = Annotated[str, BeforeValidator(_template)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Version = Annotated[Literal[1], BeforeValidator(_version)]
JobName = Annotated[
    str, BeforeValidator(_job_name), WithJsonSchema({"type": "string", "pattern": f"^{_JOB_NAME.pattern}$"})
]
Address = Annotated[str, BeforeValidator(_address)]
Endpoint = Annotated[str, BeforeValidator(_endpoint)]
Owner = Annotated[str, BeforeValidator(_owner), WithJsonSchema({"type": "string", "pattern": "^[0-9]{12}$"})]
Slowdown = Annotated[Fraction, BeforeValidator(_rational(least=Fraction(1))), _number_schema(minimum=1)]
Share = Annotated[Fraction, BeforeValidator(_rational(least=Fraction(0))), _number_schema(minimum=0)]
Count = Annotated[int, BeforeValidator(_whole(least=0)), WithJsonSchema({"type": "integer", "minimum": 0})]
AutoCount = Annotated[
    Literal["auto"] | int,
    BeforeValidator(_auto_or(_whole(least=1), examples="an integer of at least 1")),
    _auto_schema(minimum=1),
]
Fps = Annotated[
    FpsTarget,
    BeforeValidator(_fps),
    PlainSerializer(_fps_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "source"},
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^x?[0-9]+(\.[0-9]+)?$|^x?[0-9]+/[0-9]+$"},
            ]
        }
    ),
]
MethodName = Annotated[Method, BeforeValidator(_choice(*get_args(Method)))]
Cuts = Annotated[Literal["hold", "ignore"], BeforeValidator(_choice("hold", "ignore"))]
Duplicates = Annotated[Literal["keep"], BeforeValidator(_choice("keep", later=("retime",)))]
Doubt = Annotated[Literal["trust"], BeforeValidator(_choice("trust", later=("blend", "hold")))]
PrecisionName = Annotated[Literal["auto"] | Precision, BeforeValidator(_choice("auto", "fp32", "bf16", "fp16"))]
FlowScale = Annotated[
    Literal["auto"] | Fraction,
    BeforeValidator(_auto_or(_flow_scale, examples="1, 1/2 or 1/4")),
    WithJsonSchema({"enum": ["auto", 1, "1/2", "1/4", 0.5, 0.25]}),
]
Audio = Annotated[AudioMode, BeforeValidator(_choice("auto", "keep", "stretch", "resample", "drop"))]
CodecName = Annotated[Codec, BeforeValidator(_choice("h264", "hevc", "av1", "prores", "ffv1"))]
Exists = Annotated[Literal["skip", "replace", "fail"], BeforeValidator(_choice("skip", "replace", "fail"))]
AddressingStyle = Annotated[Literal["auto", "path"], BeforeValidator(_choice("auto", "path"))]
