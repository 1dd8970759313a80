"""The input of ids: the frozen fields of the first version, and the settings and pins that were added later.

Stored work is found by these bytes, so they never change. The first version digested whole records. Their field
names are listed here in its order, and the input is written from this list. Renaming or moving a class, or adding a
field to one, changes no id.

A setting that is added is declared as later (`declarations.Declaration.is_later`). Its default must be the neutral
value, the one that means what the first version did, because older documents do not have the field. An id includes a
later setting by name, and only if its value is not neutral. A neutral value never changes. If a manifest gets a new
default, the new default is a new value such as `auto`; list it in `LATER_DEFAULTS`. A pin that is added is listed in
`LATER_PINS`, likewise.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from slomo_batch.declarations import declared_settings
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import Source
from slomo_batch.settings import Settings

Value = str | int | Fraction
Defaults = Mapping[str, Mapping[Value, Value]]

SOURCE_FIELDS = ("uri", "size_bytes", "fingerprint")
SETTINGS_FIELDS: Mapping[str, str] = {
    "retime.slowdown": "retime.slowdown",
    "retime.fps.kind": "retime.fps.kind",
    "retime.fps.value": "retime.fps.value",
    "interpolate.method": "interpolate.method",
    "interpolate.weights": "interpolate.weights",
    "interpolate.cuts": "interpolate.cuts",
    "interpolate.duplicates": "interpolate.duplicates",
    "interpolate.precision": "interpolate.precision",
    "interpolate.flow_scale": "interpolate.flow_scale",
    "audio": "audio",
    "encode.codec": "encode.codec",
    "encode.quality": "encode.quality",
    "encode.preset": "encode.preset",
    "encode.encoder": "encode.encoder",
    "encode.pixel_format": "encode.pixel_format",
    "pairs_per_chunk": "chunks.pairs",
    "max_held_frames": "limits.max_held_frames",
}
"""By the name that is digested: the path of the setting."""
PIN_FIELDS = ("pixel_revision", "precision", "threads", "nvenc_works", "methods")
"""Precision, and the weights of the method, are digested in the settings, in place of the manifest's values; the others
after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A setting or a pin that the first version did not have."""

    name: str
    """Path of the field in its record, such as `retime.ramp`."""
    neutral: Value
    """The value that means what the first version did."""


LATER_SETTINGS: tuple[Later, ...] = tuple(
    Later(name=one.path, neutral=one.default) for one in declared_settings(Settings) if one.declaration.is_later
)
WITHOUT_EFFECT: Mapping[str, Value] = {
    one.path: one.default for one in declared_settings(Settings) if not one.declaration.changes_output
}
"""The settings that do not change the output, by path, and their defaults."""
LATER_PINS: tuple[Later, ...] = (Later(name="gpu_batches", neutral=False), Later(name="some_nvenc", neutral=""))
LATER_DEFAULTS: Defaults = {}
"""By setting: each later default of the manifest, and the first version's. Receipts digest the first version's, because
a manifest without the setting still means the output that is published."""
SAME_AS_FIRST: Defaults = {"encode.codec": {"auto": "h264"}}
"""By setting: each later value that ids digest as a value of the first version. Both make the same output of every
source that the first version took, and of no source do both make another: h264 refuses HDR, and WebM refuses h264."""
_NONE: Defaults = MappingProxyType({})
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def source_input(source: Source) -> str:
    """Return the source as ids digest it."""
    return _json({name: _value(source, name) for name in SOURCE_FIELDS})


def settings_inputs(settings: Settings, *, first_defaults: bool = False, output_only: bool = False) -> tuple[str, ...]:
    """Return the settings as ids digest them: the frozen ones, then each later one that is not neutral.

    `first_defaults`: digest the first version's default in place of a later one. `output_only`: digest the default of
    each setting that does not change the output.
    """
    defaults = LATER_DEFAULTS if first_defaults else _NONE
    fixed = WITHOUT_EFFECT if output_only else {}
    frozen = {name: fixed.get(path, _value(settings, path, defaults)) for name, path in SETTINGS_FIELDS.items()}
    later = [one for one in LATER_SETTINGS if one.name not in fixed]
    return (_json(frozen), *_later(later, settings, defaults))


def pin_inputs(pin: JobPin) -> tuple[str, ...]:
    """Return the pins as ids digest them after the settings: the frozen ones, then later ones that are not neutral."""
    return (str(pin.threads), str(pin.nvenc_works), *_later(LATER_PINS, pin))


def method_inputs(version: str) -> tuple[str, ...]:
    """Return the version of the interpolation method as ids digest it after the pins, if another package adds it."""
    return (_json({"method_version": version}),) if version else ()


def _later(fields: Iterable[Later], record: object, defaults: Defaults = _NONE) -> Iterator[str]:
    for field in sorted(fields, key=lambda field: field.name):
        value = _value(record, field.name, defaults)
        if value != field.neutral:
            yield _json({field.name: value})


def _value(record: object, name: str, defaults: Defaults = _NONE) -> Value:
    value: Value = attrgetter(name)(record)
    value = SAME_AS_FIRST.get(name, {}).get(value, value)
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
