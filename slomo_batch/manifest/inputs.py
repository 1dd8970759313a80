"""Expand the manifest's inputs to one request per source video, with its settings and its output."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from slomo_batch.errors import ManifestError, SlomoError, SourceUnsupported, StorageError, VideoError
from slomo_batch.manifest.composition import validate_output
from slomo_batch.manifest.output_names import (
    check_length,
    is_pattern,
    looks_like_folder,
    output_collisions,
    relpath_of_row,
    render_output,
)
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.manifest.table_rows import SettingsFor, combined, read_rows
from slomo_batch.manifest.validation_errors import problems_of
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.records.results import VideoFailed
from slomo_batch.sanitize import escape_non_utf8, is_utf8
from slomo_batch.settings import Settings
from slomo_batch.storage.existence import is_folder, resolve_folders, resolve_link
from slomo_batch.storage.folders import Unlisted
from slomo_batch.storage.glob import Glob, expand
from slomo_batch.storage.store import Locate
from slomo_batch.uri import Uri, absolute_template

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv"}
    | {".asf", ".flv", ".f4v", ".ogv", ".ogm", ".3gp", ".3g2", ".dv", ".nut", ".y4m", ".divx", ".qt", ".rm", ".rmvb"}
    | {".m2t", ".m2v", ".mp2v", ".mpe", ".mpv", ".m1v", ".mod", ".tod", ".trp", ".tp", ".vro", ".gxf", ".mk3d"}
)
"""Suffixes of videos in an input that is a folder. A glob or a file name matches any suffix."""
LOOKUPS_AT_A_TIME = 16
_CHECK_PATHS = "Check the paths: relative ones start from the current directory."


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVideos:
    """All videos of a manifest."""

    requests: tuple[VideoRequest, ...]
    missing: tuple[VideoFailed, ...]
    """Videos that cannot start: missing, not readable, or with an invalid output name."""
    empty: tuple[str, ...]
    """Inputs without any video."""
    other_names: Mapping[Uri, tuple[Uri, ...]] = field(default_factory=dict)
    """For sources that several inputs name, by URI: the outputs that the later inputs would give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One source of an input."""

    uri: Uri
    spec: InputSpec
    relpath: str
    other_relpaths: tuple[str, ...] = ()
    """Of the later inputs that also name this source."""
    settings: Settings | None = None
    """Settings of a table row; None: those of the input."""
    source: Source | None = None
    """Known if the listing had its size and fingerprint."""
    error: SlomoError | None = None
    """Why it cannot be read. It can be a video or a folder."""


def find_videos(
    manifest: Manifest,
    locate: Locate,
    *,
    strict: bool = False,
    advanced: Callable[[int, int], object] = lambda _done, _total: None,
) -> FoundVideos:
    """Expand the inputs. If two name the same source, it gets the settings of the later and the position of the first.

    `advanced` is called with how many of the listed videos are looked up, and how many they are.

    Raises:
        ManifestError: no video was found, a table row is invalid, or two sources have the same output; with `strict`,
            also if any input names no video.
        StorageError: a location cannot be listed.
    """
    entries, empty = _all_entries(manifest.inputs, locate, manifest.settings_for)
    if not entries:
        raise ManifestError("no videos found", problems=tuple(empty), remedy=_CHECK_PATHS)
    if strict and empty:
        remedy = "Correct or remove them, or run without --strict."
        raise ManifestError("inputs without videos", problems=tuple(empty), remedy=remedy)
    requests: list[VideoRequest] = []
    missing: list[VideoFailed] = []
    with ThreadPoolExecutor(LOOKUPS_AT_A_TIME) as pool:
        answers = pool.map(lambda entry: _request(entry, manifest, locate), entries.values())
        for number, answer in enumerate(answers, 1):
            advanced(number, len(entries))
            if isinstance(answer, VideoRequest):
                requests.append(answer)
            else:
                missing.append(answer)
    collisions = _collisions(requests)
    if collisions:
        remedy = "Write the outputs elsewhere, or use {relpath} and {name} in their names."
        raise ManifestError("conflicting outputs", problems=tuple(collisions), remedy=remedy)
    named_again = [entry for entry in entries.values() if entry.other_relpaths]
    return FoundVideos(
        requests=tuple(requests),
        missing=tuple(missing),
        empty=tuple(empty),
        other_names={entry.uri: tuple(_other_names(entry, manifest)) for entry in named_again},
    )


def input_of(values: Mapping[str, object]) -> InputSpec:
    """Return the input of these keys.

    Raises:
        ManifestError: a value is invalid.
    """
    try:
        return InputSpec.model_validate(values)
    except ValidationError as error:
        problems = tuple(map(str, problems_of(error, InputSpec)))
        raise ManifestError("invalid input", problems=problems, where=_place_of(values)) from error


def _place_of(values: Mapping[str, object]) -> str:
    return str(values.get("uri") or values.get("table") or "")


def find_sources(inputs: Iterable[InputSpec], locate: Locate) -> list[Source]:
    """Return the sources of inputs, each once, without settings or outputs.

    Raises:
        ManifestError: an input has no video.
        StorageError: a location cannot be listed, or a single file is missing.
    """
    entries, empty = _all_entries(inputs, locate)
    if empty:
        raise ManifestError("no videos found", problems=tuple(empty), remedy=_CHECK_PATHS)
    for entry in entries.values():
        if entry.error is not None:
            raise entry.error
    return [entry.source or _looked_up(entry.uri, locate) for entry in entries.values()]


# ---- inputs to entries ---------------------------------------------------------------------------------------------


def _all_entries(
    inputs: Iterable[InputSpec], locate: Locate, settings_for: SettingsFor | None = None
) -> tuple[dict[Uri, _Entry], list[str]]:
    """Return the entries of all inputs by URI, the later of two for the same source, and the inputs without entries.

    Raises:
        ManifestError: tables are invalid; it lists the problems of all of them.
    """
    entries: dict[Uri, _Entry] = {}
    empty = []
    invalid: list[ManifestError] = []
    for spec in inputs:
        try:
            of_spec = list(_entries(spec, locate, settings_for))
        except ManifestError as error:
            invalid.append(error)
            continue
        if not of_spec:
            empty.append(spec.uri or spec.table)
        for entry in of_spec:
            earlier = entries.pop(entry.uri, None)
            entries[entry.uri] = _named_again(earlier, entry) if earlier and not earlier.error else entry
    if invalid:
        raise combined(invalid)
    return entries, empty


def _named_again(earlier: _Entry, later: _Entry) -> _Entry:
    """Return the later entry in the position of the earlier: naming a video again does not move its output."""
    others = (*earlier.other_relpaths, later.relpath)
    return replace(later, relpath=earlier.relpath, other_relpaths=others, source=later.source or earlier.source)


def _entries(spec: InputSpec, locate: Locate, settings_for: SettingsFor | None) -> Iterator[_Entry]:
    if spec.table:
        for row in read_rows(spec, locate, settings_for):
            yield _Entry(uri=row.uri, spec=spec, relpath=relpath_of_row(row.written), settings=row.settings)
        return
    if _names_several(spec, locate):
        yield from _listed(spec, locate)
    else:
        yield _Entry(uri=Uri.parse(spec.uri), spec=spec, relpath="")


def _names_several(spec: InputSpec, locate: Locate) -> bool:
    if is_pattern(spec.uri):
        return not spec.is_literal
    uri = Uri.parse(spec.uri)
    return looks_like_folder(uri) or is_folder(uri, locate)


def _listed(spec: InputSpec, locate: Locate) -> Iterator[_Entry]:
    glob = Glob.parse(spec.uri)
    store, _ = locate(Uri(f"{glob.root.rstrip('/')}/any"))  # the store that holds any object of the root
    for match in expand(store, glob.pattern, spec.excluded, is_literal=glob.is_literal):
        if isinstance(match, Unlisted):
            closed = store.uri(match.key)
            yield _Entry(uri=closed, spec=spec, relpath="", error=_closed(match.error, closed))
            continue
        info, found_uri = match.info, store.uri(match.info.key)
        by_suffix = glob.is_literal and not match.is_exact
        if by_suffix and found_uri.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        source = Source(uri=found_uri, size_bytes=info.size_bytes, fingerprint=info.fingerprint)
        yield _Entry(uri=found_uri, spec=spec, relpath=match.relpath, source=source if info.fingerprint else None)


def _closed(error: SlomoError, uri: str) -> SlomoError:
    """Return the error of a file or folder of an input that cannot be read."""
    remedy = "Run again" if error.retryable else "Make it readable"
    return type(error)(
        "cannot be read",
        where=uri,
        got=error.got or error.what,
        remedy=f"{remedy}, or exclude it with `except`.",
    )


# ---- entries to requests -------------------------------------------------------------------------------------------


def _request(entry: _Entry, manifest: Manifest, locate: Locate) -> VideoRequest | VideoFailed:
    if entry.error is not None:
        return _failed(entry, "", entry.error)
    settings = entry.settings or manifest.settings_for(entry.spec)
    output_uri: Uri | None = None
    try:
        output_uri = _output_uri(entry, manifest)
        for uri in (entry.uri, output_uri):
            if not is_utf8(uri):
                raise SourceUnsupported("the name is not UTF-8", where=uri, remedy="Rename the file or its folder.")
        problems = validate_output(settings, output_uri)
        if problems:
            raise SourceUnsupported(f"the codec does not fit the output: {problems[0]}", where=output_uri)
        return VideoRequest(
            source=entry.source or _looked_up(entry.uri, locate),
            output_uri=output_uri,
            exists=manifest.output.exists,
            sidecar=manifest.output.sidecar,
            settings=settings,
        )
    except (VideoError, StorageError) as error:
        return _failed(entry, output_uri or "", error)


def _collisions(requests: Iterable[VideoRequest]) -> list[str]:
    """Return conflicts between outputs: by name, by the real folders behind links, and by the real files.

    An output is written to the real folder behind a link, and replaces a link that has its own name.
    """
    sources = [request.source.uri for request in requests]
    outputs = [request.output_uri for request in requests]
    real_outputs = resolve_folders(outputs)
    return (
        output_collisions(zip(sources, outputs, strict=True))
        or output_collisions(zip(resolve_folders(sources), real_outputs, strict=True))
        or output_collisions(zip(map(resolve_link, sources), real_outputs, strict=True))
    )


def _failed(entry: _Entry, output_uri: str, error: SlomoError) -> VideoFailed:
    return VideoFailed(
        source_uri=escape_non_utf8(entry.uri),
        output_uri=escape_non_utf8(output_uri),
        error=type(error).__name__,
        reason=escape_non_utf8(str(error)),
    )


def _output_uri(entry: _Entry, manifest: Manifest) -> Uri:
    template = absolute_template(manifest.output.uri)
    uri = Uri.parse(render_output(template, relpath=entry.relpath, name=entry.uri.name))
    check_length(uri)
    return uri


def _other_names(entry: _Entry, manifest: Manifest) -> Iterator[Uri]:
    """Yield the other outputs that the later inputs would give the source."""
    for relpath in set(entry.other_relpaths) - {entry.relpath}:
        with suppress(SourceUnsupported):
            yield _output_uri(replace(entry, relpath=relpath), manifest)


def _looked_up(uri: Uri, locate: Locate) -> Source:
    store, key = locate(uri)
    info = store.head(key)
    return Source(uri=uri, size_bytes=info.size_bytes, fingerprint=info.fingerprint)
