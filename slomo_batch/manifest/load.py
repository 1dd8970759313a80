"""Read and validate a manifest. All problems are reported together, each with its dotted path and line.

Settings of the command line (--set encode.codec=ffv1) are merged into the data before validation, so that a problem in
one is reported under its own name. They also override the settings of every input and table row.
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
from slomo_batch.manifest.bucket_options import unused_buckets
from slomo_batch.manifest.composition import validate_job, validate_settings
from slomo_batch.manifest.independence import are_places_valid, independent_of, with_stand_ins, without
from slomo_batch.manifest.output_names import literal_suffix
from slomo_batch.manifest.path_overlap import validate_paths
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.sections import VideoSections
from slomo_batch.manifest.validation_errors import Path, Problem, dotted, problems_of
from slomo_batch.manifest.yaml_tree import Tree, read_tree

MAX_BYTES = 2**26
"""Size limit of a manifest: far more than any real one."""
_COMMAND_LINE = "--"
"""Path of problems that are in an argument of the command line and not in the manifest."""
_AFTER_ALL_LINES = 2**31
CONVERT = "convert"
"""Where the settings of `convert` are, in messages: there is no manifest file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A setting from the command line."""

    label: str
    """The argument as typed, for messages: --set encode.codec=ffv1."""
    path: Path
    value: Any


def read_text(path: str) -> str:
    """Read a text file that the command line names; "-" reads standard input.

    Raises:
        ManifestError: the file cannot be read, or is not UTF-8.
    """
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else FilePath(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ManifestError(f"the file is larger than {MAX_BYTES >> 20} MiB", where=path)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(f"the file is not UTF-8 text (invalid byte at offset {error.start})", where=path) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ManifestError(f"cannot be read: {reason}", where=path) from error


def is_file(name: str) -> bool:
    """Return whether an argument is the path of a file, rather than the name of a job.

    Raises:
        ManifestError: the path cannot be accessed.
    """
    try:
        return FilePath(name).is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise ManifestError(f"cannot be read: {error.strerror}", where=name) from error


def load(text: str, *, where: str, overrides: Sequence[str] = (), flags: Sequence[Override] = ()) -> Manifest:
    """Read the manifest in `text`, with `flags` over it, and `overrides` (such as "encode.codec=ffv1") over both.

    Raises:
        ManifestError: the manifest is invalid; `problems` lists everything that was found.
    """
    tree = read_tree(text, where=where)
    if tree.data is None and not tree.problems:
        raise ManifestError("the manifest is empty; start it with `version: 1`", where=where)
    if not isinstance(tree.data, dict) and not tree.problems:
        raise ManifestError("not a manifest: expected a mapping at the top level (lines of `key: value`)", where=where)
    return build(tree, where=where, settings=overrides, flags=flags)


def build(tree: Tree, *, where: str, settings: Sequence[str], flags: Sequence[Override] = ()) -> Manifest:
    """Build the manifest from parsed YAML, with `flags` over it, and `settings` (like "encode.codec=ffv1") over both.

    Raises:
        ManifestError: the manifest is invalid; `problems` lists everything that was found.
    """
    parsed, unreadable = _parse_overrides(settings)
    overrides = [*flags, *parsed]
    describe = _describer(tree, overrides)
    data = deepcopy(tree.data) if isinstance(tree.data, dict) else {}
    misplaced = [problem for override in overrides if (problem := _apply(data, override))]
    unread = [*tree.problems, *unreadable, *misplaced]
    manifest, invalid = _validated(data)
    problems = [*unread, *_at_other_paths(invalid, unread)]
    if manifest is not None and not unread:
        problems += _conflicts(manifest.completed(_video_sections(overrides, invalid)), invalid)
    if problems or manifest is None:
        raise _manifest_error(problems, describe, where)
    return manifest.completed(_video_sections(overrides, ()))


def _validated(data: dict[str, Any]) -> tuple[Manifest | None, list[Problem]]:
    """Return the manifest, and its problems. If it has any, the manifest is made of what is valid; None if that cannot
    be distinguished."""
    try:
        return Manifest.model_validate(data), []
    except ValidationError as error:
        invalid = problems_of(error, Manifest)
    if any(problem.path in {(), ("version",)} for problem in invalid):
        return None, invalid
    try:
        return Manifest.model_validate(with_stand_ins(data, invalid)), invalid
    except ValidationError:
        return None, invalid


def _conflicts(manifest: Manifest, invalid: Sequence[Problem]) -> list[Problem]:
    """Return the conflicts between the valid settings of a manifest that do not depend on the invalid ones."""
    problems = independent_of(invalid, [*validate_job(manifest.job), *_settings_problems(manifest)])
    if are_places_valid(invalid):
        problems += validate_paths(manifest.inputs, manifest.output.uri, manifest.work)
        problems += unused_buckets(manifest)
    return problems


def _at_other_paths(problems: Sequence[Problem], known: Sequence[Problem]) -> list[Problem]:
    """Return the problems at paths where none is known yet."""
    paths = {problem.path for problem in known}
    return [problem for problem in problems if problem.path not in paths]


def _settings_problems(manifest: Manifest) -> list[Problem]:
    """Return conflicts between the settings of the inputs.

    A conflict that exists without the input's own settings is reported once, for the manifest.
    """
    suffix = literal_suffix(manifest.output.uri)
    shared = validate_settings(manifest.settings_for(None), suffix)
    problems: dict[Problem, None] = {}
    for number, spec in enumerate(manifest.inputs):
        own = validate_settings(manifest.settings_for(spec), suffix)
        for problem in own:
            own_path = ("inputs", number, *problem.path)
            placed = problem if problem in shared else Problem(path=own_path, text=problem.text)
            problems[placed] = None
    return list(problems)


# ---- settings of the command line ----------------------------------------------------------------------------------


def _parse_overrides(texts: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """Parse settings such as "encode.codec=ffv1", whose value is YAML. Returns them and the problems."""
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            overrides.append(_parse_override(text))
        except ManifestError as error:
            reason = error.problems[0] if error.problems else error.what
            problems.append(_on_command_line(f"--set {text}: {reason}"))
    return overrides, problems


def _parse_override(text: str) -> Override:
    name, equals, value = text.partition("=")
    path: Path = tuple(name.strip().split("."))
    if not equals or not all(path):
        raise ManifestError("expected PATH=VALUE, such as encode.codec=ffv1")
    if path[0] == "inputs" and len(path) > 1:
        raise ManifestError("a single input cannot be set; set the whole list, or edit the manifest")
    tree = read_tree(value, where="")
    if tree.problems:
        raise ManifestError(str(tree.problems[0]))
    if tree.data is None or tree.data == "":
        raise ManifestError("the value is empty")
    return Override(label=f"--set {text}", path=path, value=tree.data)


def _apply(data: dict[str, Any], override: Override) -> Problem | None:
    """Merge one setting into the data. Returns a problem if its path leads through a single value."""
    inside: Any = data
    for depth, step in enumerate(override.path[:-1], 1):
        if inside.get(step) is None:
            inside[step] = {}
        inside = inside[step]
        if not isinstance(inside, dict):
            return _on_command_line(
                f"{override.label}: {dotted(override.path[:depth])} is a single value, not a section"
            )
    key = override.path[-1]
    merges = isinstance(inside.get(key), dict) and isinstance(override.value, Mapping)
    inside[key] = _merged(inside[key], override.value) if merges else override.value
    return None


def _on_command_line(text: str) -> Problem:
    return Problem(path=(_COMMAND_LINE, text), text=text, whole=True)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _video_sections(overrides: Sequence[Override], invalid: Sequence[Problem]) -> VideoSections:
    """Return the settings that apply to videos, without invalid ones. They were validated with the manifest."""
    data: dict[str, Any] = {}
    for override in overrides:
        if override.path[0] in VideoSections.model_fields:
            _apply(data, override)
    return VideoSections.model_validate(without(data, invalid))


# ---- messages ------------------------------------------------------------------------------------------------------


def _describer(tree: Tree, overrides: Sequence[Override]) -> Callable[[Problem], tuple[int, str]]:
    """Return a function that gives the line of a problem and its message. The command line comes after all lines."""

    def describe(problem: Problem) -> tuple[int, str]:
        if problem.path[:1] == (_COMMAND_LINE,):
            return _AFTER_ALL_LINES, problem.text
        for override in reversed(overrides):
            if problem.path[: len(override.path)] == override.path:
                inner = Problem(path=problem.path[len(override.path) :], text=problem.text, whole=problem.whole)
                return _AFTER_ALL_LINES, f"{override.label}: {inner}"
        for path, label in tree.labels.items():
            if problem.path[: len(path)] == path:
                return 0, f"{label}: {problem.text}"
        return tree.line(problem.path), tree.located(problem)

    return describe


def _manifest_error(
    problems: Sequence[Problem], describe: Callable[[Problem], tuple[int, str]], where: str
) -> ManifestError:
    described = sorted(dict.fromkeys(map(describe, problems)), key=lambda line_and_text: line_and_text[0])
    number = "1 problem" if len(described) == 1 else f"{len(described)} problems"
    what = "invalid settings" if where == CONVERT else "invalid manifest"
    return ManifestError(f"{what} ({number})", problems=tuple(text for _, text in described), where=where)
