"""Render a page: a template, its data, and the styles and scripts it needs, in one HTML file.

The scripts of others in `assets/` are copies of released packages; `assets/README.md` names them with their versions
and licenses. Text is escaped by the template engine, and data is embedded as JSON that cannot end its element.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from slomo_batch.report.stages import stage_label
from slomo_batch.report.units import counted, duration, size
from slomo_batch.sanitize import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure of the summary."""

    value: str
    label: str
    mood: Literal["", "good", "bad"] = ""


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the HTML of a template in `templates/`. Each of its names must be in `values`."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("slomo_batch.report.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(counted=counted, duration=duration, size=size, one_line=one_line, as_json=_as_json)
    environment.filters.update(options_whole=_options_whole, stage=stage_label)
    environment.globals["asset"] = _asset
    return environment


def _as_json(value: Any) -> Markup:
    """The value as JSON for a script element: no `<` is left that could begin a tag or a comment."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 json.dumps escapes what is not ASCII, and the line above the rest


def _options_whole(text: str) -> Markup:
    """The text with its options, such as --method, in elements that a line is not broken in."""
    words = (
        Markup('<span class="whole">{}</span>').format(word) if word.startswith("--") else word for word in text.split()
    )
    return Markup(" ").join(words)


@cache
def _asset(name: str) -> Markup:
    """A style or a script of `assets/`, which are part of this package and trusted."""
    return Markup(files("slomo_batch.report.pages").joinpath("assets", name).read_text("utf-8"))  # noqa: S704
