"""The settings of one video: defaults < manifest < input < row of a table < --set.

What a layer wrote goes over what lies below, value by value; an empty cell is absent. Pure.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.output_names import literal_suffix, output_collisions, relpath_of, render_output
from slomo_batch.manifest.sections import InputSpec, VideoSections
from slomo_batch.manifest.validation_errors import LATER_KEYS, Fault, dotted, faults_of, keys_of, leaves, subsection
from slomo_batch.manifest.values import nearest
from slomo_batch.plan.encoders import judge_container, judge_encode
from slomo_batch.records import Settings

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest

__all__ = [
    "compose",
    "judge_output",
    "judge_settings",
    "output_collisions",
    "relpath_of",
    "render_output",
    "row_sections",
]

URI_COLUMN = "uri"
_ENCODE_FIELDS = ("quality", "preset", "encoder", "pixel_format")


def compose(manifest: "Manifest", spec: InputSpec | None, row: Mapping[str, str] | None = None) -> Settings:
    """The settings of one video of this input, with the settings of its row.

    Raises:
        ManifestError: a setting of the row is wrong, or what comes together does not go together.
    """
    layers: list[VideoSections] = [manifest.sections()]
    if spec is not None:
        layers.append(spec.sections())
    if row is not None:
        layers.append(row_sections(row))
    settings = settings_of(manifest, [*layers, manifest.overrides])
    if row is not None:
        faults = judge_settings(settings, literal_suffix(manifest.output.uri))
        if faults:
            raise _row_error(faults, row)
    return settings


def settings_of(manifest: "Manifest", layers: list[VideoSections]) -> Settings:
    """What the layers come to, the later over the earlier, with what is set for the whole job."""
    whole = VideoSections()
    for layer in layers:
        whole = whole.under(layer)
    return Settings(
        retime=whole.retime.record(),
        interpolate=whole.interpolate.record(),
        audio=whole.audio_mode,
        encode=whole.encode.record(),
        pairs_per_chunk=manifest.chunks.pairs,
        max_held_frames=manifest.limits.max_held_frames,
    )


def judge_settings(settings: Settings, suffix: str | None) -> list[Fault]:
    """What of one video's settings does not go together; `suffix` is the output's, None where it isn't known yet."""
    faults = [
        Fault(path=("encode", word) if word in _ENCODE_FIELDS else ("encode",), text=text)
        for text in judge_encode(settings.encode)
        for word in [text.partition(" ")[0]]
    ]
    if suffix is not None:
        faults += [Fault(path=("output", "uri"), text=text) for text in judge_container(settings.encode.codec, suffix)]
    if settings.audio == "keep" and settings.retime.slowdown != 1:
        text = (
            f"keep goes with slowdown 1, here it is {settings.retime.slowdown}; write auto, stretch, resample or drop"
        )
        faults.append(Fault(path=("audio",), text=text))
    return faults


def judge_output(settings: Settings, output_uri: str) -> list[str]:
    """What is wrong with making this very file by these settings: known at the door where the template has a suffix,
    only now where it takes over the source's."""
    return judge_container(settings.encode.codec, PurePosixPath(output_uri).suffix)


# ---- the row of a table --------------------------------------------------------------------------------------------


def row_sections(row: Mapping[str, str]) -> VideoSections:
    """The settings in a row: its columns that are named like settings. Other columns are somebody else's.

    Raises:
        ManifestError: a column that looks like a setting is none, or a cell cannot be one.
    """
    data: dict[str, Any] = {}
    faults: list[Fault] = []
    for column, cell in row.items():
        if cell is None or not str(cell).strip():
            continue
        path = tuple(column.split("."))
        if path in _ROW_PATHS or path in LATER_KEYS:
            inside = data
            for step in path[:-1]:
                inside = inside.setdefault(step, {})
            inside[path[-1]] = cell
        elif text := _column_fault(column):
            faults.append(Fault(path=(), text=text))
    try:
        sections = VideoSections.model_validate(data)
    except ValidationError as error:
        faults += faults_of(error, VideoSections)
    if faults:
        raise _row_error(faults, row)
    return sections


_ROW_PATHS = frozenset(leaves(VideoSections))
_JOB_PATHS = frozenset(
    {"chunks.pairs", "limits.max_held_frames", "output.uri", "output.exists", "retries.chunk", "cluster.address"}
)


def is_for_row(column: str) -> bool:
    """Whether a column of a table is a setting, or looks like one. The others are not read."""
    path = tuple(column.split("."))
    return path in _ROW_PATHS or path in LATER_KEYS or bool(_column_fault(column))


@cache
def _column_fault(column: str) -> str:
    """What is wrong with a column that looks like a setting, "" when it doesn't look like one."""
    if column in _JOB_PATHS:
        return f"column {column!r}: is set for the whole job, not for a row"
    head, dot, leaf = column.partition(".")
    settings = [dotted(path) for path in _ROW_PATHS]
    if not dot:
        section = subsection(VideoSections, head)
        return (
            f"column {column!r}: is a section; name one setting, like {head}.{keys_of(section)[0]}" if section else ""
        )
    like = nearest(head, keys_of(VideoSections))
    surely_meant = nearest(head, keys_of(VideoSections), cutoff=0.8) or f"{like}.{leaf}" in settings
    if not surely_meant:
        return ""
    near = nearest(column, settings)
    return f"column {column!r}: is not a setting" + (f"; did you mean {near}?" if near else "")


def _row_error(faults: list[Fault], row: Mapping[str, str]) -> ManifestError:
    return ManifestError(
        "the settings of this row cannot be used",
        problems=tuple(str(fault) for fault in faults),
        where=str(row.get(URI_COLUMN, "")),
    )
