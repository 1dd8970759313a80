"""From a manifest's text to the manifest: every fault of it is told at once, with its dotted path and line.

Settings given on the command line (--set encode.codec=ffv1) are laid over the text before it is judged, so that a fault
of theirs is told under their own name; they also go over the settings of every input and row.
"""

import errno
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.composition import validate_settings
from slomo_batch.manifest.output_names import literal_suffix
from slomo_batch.manifest.path_overlap import validate_paths
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.sections import VideoSections
from slomo_batch.manifest.validation_errors import Path, Problem, dotted, problems_of
from slomo_batch.manifest.yaml_tree import Tree, read_tree

MAX_BYTES = 2**26
"""Size of the largest text that is read as a manifest: far above all that a person or a program writes."""
_COMMAND_LINE = "--"
"""Where faults stand that have no place in a manifest."""
_AFTER_ALL_LINES = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One setting of the command line."""

    label: str
    """How it was written, for messages: --set encode.codec=ffv1."""
    path: Path
    value: Any


def read_text(path: str) -> str:
    """The text of a file that a person named; "-" is what comes in on stdin.

    Raises:
        ManifestError: it cannot be read, or is not text.
    """
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else FilePath(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ManifestError(f"is larger than {MAX_BYTES >> 20} MiB, and no manifest", where=path)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(f"is not UTF-8 text (byte {error.start})", where=path) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ManifestError(f"cannot be read: {reason}", where=path) from error


def is_file(name: str) -> bool:
    """Whether an argument that is a manifest or the name of a job is the path of a file.

    Raises:
        ManifestError: that cannot be found out.
    """
    try:
        return FilePath(name).is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise ManifestError(f"cannot be read: {error.strerror}", where=name) from error


def load(text: str, *, where: str, overrides: Sequence[str] = ()) -> Manifest:
    """The manifest in `text` with the settings `overrides` (each like "encode.codec=ffv1") over it.

    Raises:
        ManifestError: anything is wrong; all of it is in `faults`.
    """
    tree = read_tree(text, where=where)
    if tree.data is None and not tree.faults:
        raise ManifestError("is empty; a manifest begins with `version: 1`", where=where)
    if not isinstance(tree.data, dict) and not tree.faults:
        raise ManifestError("is not a manifest: a mapping belongs at its top (lines of `key: value`)", where=where)
    return build(tree, where=where, settings=overrides)


def build(tree: Tree, *, where: str, settings: Sequence[str], flags: Sequence[Override] = ()) -> Manifest:
    """The manifest of what was read, with `flags` over it, and over those the `settings` (each like encode.codec=ffv1).

    Raises:
        ManifestError: anything is wrong; all of it is in `faults`.
    """
    parsed, unreadable = _parse_overrides(settings)
    overrides = [*flags, *parsed]
    told = _teller(tree, overrides)
    data = deepcopy(tree.data) if isinstance(tree.data, dict) else {}
    misplaced = [fault for override in overrides if (fault := _lay(data, override))]
    faults = [*tree.faults, *unreadable, *misplaced]
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        faults += _without_doubles(problems_of(error, Manifest), faults)
    if faults:
        raise _manifest_error(faults, told, where)
    manifest = manifest.completed(_video_sections(overrides))
    faults = [*_settings_faults(manifest), *validate_paths(manifest.inputs, manifest.output.uri, manifest.work)]
    if faults:
        raise _manifest_error(faults, told, where)
    return manifest


def _without_doubles(faults: Sequence[Problem], known: Sequence[Problem]) -> list[Problem]:
    """The faults at places of which nothing is known to be wrong yet."""
    places = {fault.path for fault in known}
    return [fault for fault in faults if fault.path not in places]


def _settings_faults(manifest: Manifest) -> list[Problem]:
    """What does not go together in the inputs' settings; told of the manifest where it is so without an input's own."""
    suffix = literal_suffix(manifest.output.uri)
    shared = validate_settings(manifest.settings_for(None), suffix)
    faults: dict[Problem, None] = {}
    for number, spec in enumerate(manifest.inputs):
        own = validate_settings(manifest.settings_for(spec), suffix)
        for fault in own:
            placed = fault if fault in shared else Problem(path=("inputs", number, *fault.path), text=fault.text)
            faults[placed] = None
    return list(faults)


# ---- settings of the command line ----------------------------------------------------------------------------------


def _parse_overrides(texts: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """Settings like "encode.codec=ffv1", the value in YAML; and what cannot be read as such."""
    overrides: list[Override] = []
    faults: list[Problem] = []
    for text in texts:
        try:
            overrides.append(_parse_override(text))
        except ManifestError as error:
            reason = error.problems[0] if error.problems else error.what
            faults.append(_on_command_line(f"--set {text}: {reason}"))
    return overrides, faults


def _parse_override(text: str) -> Override:
    name, equals, value = text.partition("=")
    path: Path = tuple(name.strip().split("."))
    if not equals or not all(path):
        raise ManifestError("write it like encode.codec=ffv1")
    if path[0] == "inputs" and len(path) > 1:
        raise ManifestError("inputs cannot be set one by one; set inputs as a whole, or change the manifest")
    tree = read_tree(value, where="")
    if tree.faults:
        raise ManifestError(str(tree.faults[0]))
    if tree.data is None or tree.data == "":
        raise ManifestError("has no value")
    return Override(label=f"--set {text}", path=path, value=tree.data)


def _lay(data: dict[str, Any], override: Override) -> Problem | None:
    """Put one setting over the data, or say what stands in its way."""
    inside: Any = data
    for depth, step in enumerate(override.path[:-1], 1):
        if inside.get(step) is None:
            inside[step] = {}
        inside = inside[step]
        if not isinstance(inside, dict):
            return _on_command_line(f"{override.label}: {dotted(override.path[:depth])} is a single value")
    key = override.path[-1]
    merges = isinstance(inside.get(key), dict) and isinstance(override.value, Mapping)
    inside[key] = _merged(inside[key], override.value) if merges else override.value
    return None


def _on_command_line(text: str) -> Problem:
    return Problem(path=(_COMMAND_LINE, text), text=text, whole=True)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    laid = dict(below)
    for key, value in above.items():
        both = isinstance(laid.get(key), Mapping) and isinstance(value, Mapping)
        laid[key] = _merged(laid[key], value) if both else value
    return laid


def _video_sections(overrides: Sequence[Override]) -> VideoSections:
    """What of the settings is said of videos; they were judged with the manifest."""
    data: dict[str, Any] = {}
    for override in overrides:
        if override.path[0] in VideoSections.model_fields:
            _lay(data, override)
    return VideoSections.model_validate(data)


# ---- telling -------------------------------------------------------------------------------------------------------


def _teller(tree: Tree, overrides: Sequence[Override]) -> Callable[[Problem], tuple[int, str]]:
    """How a fault is told: its line (after all lines: of the command line), and its words."""

    def tell(fault: Problem) -> tuple[int, str]:
        if fault.path[:1] == (_COMMAND_LINE,):
            return _AFTER_ALL_LINES, fault.text
        for override in reversed(overrides):
            if fault.path[: len(override.path)] == override.path:
                inner = Problem(path=fault.path[len(override.path) :], text=fault.text, whole=fault.whole)
                return _AFTER_ALL_LINES, f"{override.label}: {inner}"
        for path, label in tree.labels.items():
            if fault.path[: len(path)] == path:
                return 0, f"{label}: {fault.text}"
        line = tree.line(fault.path)
        return line, f"line {line}: {fault}" if line else str(fault)

    return tell


def _manifest_error(faults: Sequence[Problem], tell: Callable[[Problem], tuple[int, str]], where: str) -> ManifestError:
    told = sorted(dict.fromkeys(tell(fault) for fault in faults), key=lambda line_and_text: line_and_text[0])
    number = "1 fault" if len(told) == 1 else f"{len(told)} faults"
    return ManifestError(number, problems=tuple(text for _, text in told), where=where)
