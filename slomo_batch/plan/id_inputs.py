"""The input of ids: the frozen fields of the first version, and the settings and pins that were added later.

Stored work is found by these bytes, so they never change. The first version digested whole records. Their field
names are listed here in its order, and the input is written from this list. Renaming or moving a class, or adding a
field to one, changes no id.

To add a setting or a pin, add it to `LATER_SETTINGS` or `LATER_PINS` with its neutral value: the one that means what
the first version did. The record's default must be that value, because older documents do not have the field. An id
includes a later field by name, and only if its value is not neutral. A neutral value never changes. If a manifest gets
a new default, the new default is a new value such as `auto`; list it in `LATER_DEFAULTS`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records import Source
from slomo_batch.settings import Settings

Value = str | int | Fraction
Defaults = Mapping[str, Mapping[Value, Value]]

SOURCE_FIELDS = ("uri", "size_bytes", "fingerprint")
SETTINGS_FIELDS = (
    "retime.slowdown",
    "retime.fps.kind",
    "retime.fps.value",
    "interpolate.method",
    "interpolate.weights",
    "interpolate.cuts",
    "interpolate.duplicates",
    "interpolate.precision",
    "interpolate.flow_scale",
    "audio",
    "encode.codec",
    "encode.quality",
    "encode.preset",
    "encode.encoder",
    "encode.pixel_format",
    "pairs_per_chunk",
    "max_held_frames",
)
PIN_FIELDS = ("pixel_revision", "precision", "threads", "nvenc_works", "weights")
"""Precision and weights are digested in the settings, in place of the manifest's values; the others after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A setting or a pin that the first version did not have."""

    name: str
    """Path of the field in its record, such as `retime.ramp`."""
    neutral: Value
    """The value that means what the first version did."""


LATER_SETTINGS: tuple[Later, ...] = ()
LATER_PINS: tuple[Later, ...] = ()
LATER_DEFAULTS: Defaults = {}
"""By setting: each later default of the manifest, and the first version's. Receipts digest the first version's, because
a manifest without the setting still means the output that is published."""
_NONE: Defaults = MappingProxyType({})
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def source_input(source: Source) -> str:
    """Return the source as ids digest it."""
    return _json({name: _value(source, name) for name in SOURCE_FIELDS})


def settings_inputs(settings: Settings, *, first_defaults: bool = False) -> tuple[str, ...]:
    """Return the settings as ids digest them: the frozen ones, then each later one that is not neutral.

    `first_defaults`: digest the first version's default in place of a later one.
    """
    defaults = LATER_DEFAULTS if first_defaults else _NONE
    frozen = {name: _value(settings, name, defaults) for name in SETTINGS_FIELDS}
    return (_json(frozen), *_later(LATER_SETTINGS, settings, defaults))


def pin_inputs(pin: JobPin) -> tuple[str, ...]:
    """Return the pins as ids digest them after the settings: the frozen ones, then later ones that are not neutral."""
    return (str(pin.threads), str(pin.nvenc_works), *_later(LATER_PINS, pin))


def _later(fields: Iterable[Later], record: object, defaults: Defaults = _NONE) -> Iterator[str]:
    for field in sorted(fields, key=lambda field: field.name):
        value = _value(record, field.name, defaults)
        if value != field.neutral:
            yield _json({field.name: value})


def _value(record: object, name: str, defaults: Defaults = _NONE) -> Value:
    value: Value = attrgetter(name)(record)
    return defaults.get(name, {}).get(value, value)


def _json(values: Mapping[str, Value]) -> str:
    """Write compact JSON, nested by the dotted names; fractions as "a/b"."""
    whole: dict[str, Any] = {}
    for name, value in values.items():
        *sections, leaf = name.split(".")
        section = whole
        for key in sections:
            section = section.setdefault(key, {})
        section[leaf] = str(value) if isinstance(value, Fraction) else value
    return _ENCODER.encode(whole)
