"""Types of the values in a manifest for pydantic: each reads, validates and describes (as JSON Schema) its value.

The type of a setting follows from its declaration.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from slomo_batch.declarations import Declaration, DeclaredSetting
from slomo_batch.interpolators.registry import method_names
from slomo_batch.manifest import locations
from slomo_batch.manifest.scalars import (
    Reader,
    choice,
    did_you_mean,
    flag,
    fps,
    invalid,
    one_number_of,
    rational,
    text_of,
    whole,
    word_or,
)
from slomo_batch.settings import Exists, FpsTarget
from slomo_batch.timeline.instants import EXAMPLES, parse_instant
from slomo_batch.timeline.ramp import SMOOTH, RampKey, ramp_text

_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RAY_ADDRESS = re.compile(
    r"(ray://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}|https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?"
)
_ADDRESS_WORDS = ("auto", "inline", "local")


# ---- of settings ---------------------------------------------------------------------------------------------------


def value_type(declared: DeclaredSetting) -> Any:
    """Return the type of a declared setting."""
    declaration = declared.declaration
    if declaration.form:
        return FORMS[declaration.form]()
    if declared.kind in _PLAIN:
        return _PLAIN[declared.kind]
    words = _words(declared.kind)
    numbers = [kind for kind in _members(declared.kind) if kind in (int, Fraction)]
    if not numbers:
        return Annotated[declared.kind, BeforeValidator(choice(words))]
    read, schema, examples = _number_type(numbers[0], declaration)
    for word in words:
        read = word_or(word, read, examples=examples)
        schema = {"anyOf": [{"const": word}, *schema.get("anyOf", [schema])]}
    return Annotated[declared.kind, BeforeValidator(read), WithJsonSchema(schema)]


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _words(kind: Any) -> list[str]:
    """The words of the literals in a type."""
    return [word for member in _members(kind) if get_origin(member) is Literal for word in get_args(member)]


_NUMBER_TEXT = r"^[0-9]+(\.[0-9]+)?$|^[0-9]+/[0-9]+$"


def _number_type(kind: type, declaration: Declaration) -> tuple[Reader, dict[str, Any], str]:
    """The reader of a number, its JSON Schema, and examples of it for messages."""
    least, choices = declaration.least, declaration.choices
    if kind is int:
        minimum = 1 if least is None else least
        return whole(minimum), {"type": "integer", "minimum": minimum}, f"an integer of at least {minimum}"
    if choices:
        *most, last = map(str, choices)
        values = [value for one in choices for value in dict.fromkeys((str(one), float(one)))]
        return one_number_of(choices), {"enum": values}, f"{', '.join(most)} or {last}"
    bound = {"exclusiveMinimum": 0} if least is None else {"minimum": least}
    schema = {"anyOf": [{"type": "number", **bound}, {"type": "string", "pattern": _NUMBER_TEXT}]}
    return rational(least), schema, "a number above 0" if least is None else f"a number of at least {least}"


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


def _account(value: object) -> str:
    word = text_of(value).strip()
    if not re.fullmatch(r"[0-9]{12}", word):
        raise invalid(f"invalid AWS account id {word!r}; use 12 digits, in quotes if the first one is 0")
    return word


_BIT_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([kM]?)")
_BIT_RATE_UNITS = {"": 1, "k": 1_000, "M": 1_000_000}
_MAX_BIT_RATE = 2**31 - 1
"""Encoders count bits per second in 32 bits."""


def _bit_rate(value: object) -> int:
    word = text_of(value).strip()
    read = _BIT_RATE.fullmatch(word)
    number = Fraction(read[1]) * _BIT_RATE_UNITS[read[2]] if read else Fraction(-1)
    if number == 0 or (1_000 <= number <= _MAX_BIT_RATE and number.denominator == 1):
        return int(number)
    raise invalid(f"invalid bit rate {word!r}; use 0 for no limit, or 1k to {_MAX_BIT_RATE}, such as 8M or 800k")


def _instant(value: object) -> str:
    word = text_of(value).strip()
    try:
        parse_instant(word)
    except ValueError as error:
        raise invalid(f"{error}; use a form such as {EXAMPLES}") from None
    return word


def _ramp(value: object) -> str:
    if isinstance(value, str):
        return ramp_text(_ramp_key(_fields_of_key(part)) for part in value.split(","))
    if not isinstance(value, list) or not value:
        raise invalid(f"expected a list of keys such as {_RAMP_EXAMPLE}")
    return ramp_text(map(_ramp_key, value))


_RAMP_EXAMPLE = "{at: 2.5, slowdown: 4}"
_KEY_FIELDS = ("at", "slowdown", "ease")
_EASES = ("linear", SMOOTH)


def _fields_of_key(text: str) -> Mapping[str, str]:
    """The fields of a key on one line: `2.5 4 smooth`. A fourth word has no name, so it is refused."""
    return dict(zip((*_KEY_FIELDS, ""), text.split(), strict=False))


def _ramp_key(value: object) -> RampKey:
    if not isinstance(value, Mapping) or not {"at", "slowdown"} <= set(value) <= set(_KEY_FIELDS):
        raise invalid(f"expected keys such as {_RAMP_EXAMPLE}, with ease: smooth if you like, got {value!r}")
    slowdown = rational(1)(value["slowdown"])
    is_smooth = choice(_EASES)(value.get("ease", "linear")) == SMOOTH
    return RampKey(at=_instant(value["at"]), slowdown=slowdown, is_smooth=is_smooth)


_NOT_SHIPPED = frozenset({"rife", "film", "dain", "amt", "ema-vfi", "emavfi", "ifrnet", "cain"})
"""Methods that people know from other programs."""


def _method(value: object) -> str:
    word, known = text_of(value).strip(), method_names()
    if word.lower() in _NOT_SHIPPED and word not in known:
        raise invalid(f"{word!r} is not shipped; use one of {', '.join(known)}, or install a package that adds it")
    return choice(known)(value)


Text = Annotated[str, BeforeValidator(text_of)]
_Fps = Annotated[
    FpsTarget,
    BeforeValidator(fps),
    PlainSerializer(str),
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
_PLAIN: Mapping[Any, Any] = {
    str: Text,
    bool: Annotated[bool, BeforeValidator(flag)],
    FpsTarget: _Fps,
}
_RAMP_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "at": {"type": ["string", "number"]},
                    "slowdown": {"type": ["string", "number"]},
                    "ease": {"enum": list(_EASES)},
                },
                "required": ["at", "slowdown"],
                "additionalProperties": False,
            },
        },
    ]
}
FORMS: Mapping[str, Callable[[], Any]] = {
    "account": lambda: Annotated[str, BeforeValidator(_account), WithJsonSchema(_of_pattern("[0-9]{12}"))],
    "address": lambda: Annotated[str, BeforeValidator(_address)],
    "bit_rate": lambda: Annotated[
        int,
        BeforeValidator(_bit_rate),
        WithJsonSchema(
            {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_BIT_RATE.pattern}$"}]}
        ),
    ],
    "endpoint": lambda: Annotated[str, BeforeValidator(_endpoint)],
    "folders": lambda: tuple[Annotated[str, BeforeValidator(locations.shared_folder)], ...],
    "instant": lambda: Annotated[str, BeforeValidator(_instant), WithJsonSchema({"type": ["string", "number"]})],
    "method": lambda: Annotated[str, BeforeValidator(_method), WithJsonSchema({"enum": method_names()})],
    "ramp": lambda: Annotated[str, BeforeValidator(_ramp), WithJsonSchema(_RAMP_SCHEMA)],
    "weights": lambda: Annotated[str, BeforeValidator(locations.weights)],
}
"""Types of settings whose text has a special form, by the declaration's `form`."""


def _of_pattern(pattern: str) -> dict[str, str]:
    return {"type": "string", "pattern": f"^{pattern}$"}


# ---- of the other keys ---------------------------------------------------------------------------------------------


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


Version = Annotated[Literal[1], BeforeValidator(_version)]
JobName = Annotated[str, BeforeValidator(_job_name), WithJsonSchema(_of_pattern(_JOB_NAME.pattern))]
Bucket = Annotated[str, BeforeValidator(locations.bucket_name)]
Location = Annotated[str, BeforeValidator(locations.location)]
TableLocation = Annotated[str, BeforeValidator(locations.table)]
Template = Annotated[str, BeforeValidator(locations.template)]
Flag = Annotated[bool, BeforeValidator(flag)]
ExistsChoice = Annotated[Exists, BeforeValidator(choice(get_args(Exists)))]
