"""Find the videos: the manifest's inputs, expanded to one request per source, with its settings and its output."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from slomo_batch.errors import ManifestError, SlomoError, SourceUnsupported, StorageError, VideoError
from slomo_batch.manifest.composition import validate_output
from slomo_batch.manifest.output_names import (
    check_length,
    is_pattern,
    looks_like_folder,
    output_collisions,
    relpath_of,
    render_output,
)
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.manifest.table_rows import SettingsFor, combined, read_rows
from slomo_batch.records import Source, VideoFailed, VideoRequest
from slomo_batch.sanitize import is_text, storable
from slomo_batch.settings import Settings
from slomo_batch.storage.existence import is_folder, real_file, real_places
from slomo_batch.storage.folders import Unlisted
from slomo_batch.storage.glob import expand, split_glob
from slomo_batch.storage.location import is_s3, normalise_uri, rooted
from slomo_batch.storage.store import ObjectStore

Locate = Callable[[str], tuple[ObjectStore, str]]

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv"}
    | {".asf", ".flv", ".f4v", ".ogv", ".3gp", ".3g2", ".dv", ".nut", ".y4m"}
)
"""What counts as a video where an input is a whole folder; a glob or a name takes whatever it names."""
LOOKUPS_AT_A_TIME = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Every video that the manifest asks for."""

    requests: tuple[VideoRequest, ...]
    missing: tuple[VideoFailed, ...]
    """Those that cannot be begun: not there, closed to us, or with an output that cannot have its name."""
    empty: tuple[str, ...]
    """Inputs in which there is no video at all."""
    other_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the URI of a source that several inputs name: the outputs it would have by the later ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One source as an input names it."""

    uri: str
    spec: InputSpec
    relpath: str
    other_relpaths: tuple[str, ...] = ()
    """Of the later inputs that name this source too."""
    settings: Settings | None = None
    """Of a row of a table; None: those of the input."""
    source: Source | None = None
    """Where the listing told already."""
    fault: SlomoError | None = None
    """Why it cannot be looked into. It may be a video or a folder of them."""


def find_videos(manifest: Manifest, locate: Locate, *, strict: bool = False) -> Found:
    """Expand the inputs. Of two entries for one source the settings of the later one count, and the place of the first.

    Raises:
        ManifestError: nothing at all was found, rows are wrong, or two sources would have one output; with `strict`,
            also where a single input names no video.
        StorageError: a place cannot be listed.
    """
    entries, empty = _all_entries(manifest.inputs, locate, manifest.settings_for)
    if not entries:
        raise ManifestError("no input names a video that is there", problems=tuple(empty))
    if strict and empty:
        remedy = "Correct or remove them; without --strict they are only reported."
        raise ManifestError("these inputs name no video", problems=tuple(empty), remedy=remedy)
    requests: list[VideoRequest] = []
    missing: list[VideoFailed] = []
    with ThreadPoolExecutor(LOOKUPS_AT_A_TIME) as pool:
        for answer in pool.map(lambda entry: _request(entry, manifest, locate), entries.values()):
            if isinstance(answer, VideoRequest):
                requests.append(answer)
            else:
                missing.append(answer)
    collisions = _collisions(requests)
    if collisions:
        remedy = "Use {relpath} and {name} in output.uri, or put outputs elsewhere."
        raise ManifestError("outputs would collide", problems=tuple(collisions), remedy=remedy)
    named_again = [entry for entry in entries.values() if entry.other_relpaths]
    return Found(
        requests=tuple(requests),
        missing=tuple(missing),
        empty=tuple(empty),
        other_names={entry.uri: tuple(_other_names(entry, manifest)) for entry in named_again},
    )


def find_sources(inputs: Iterable[InputSpec], locate: Locate) -> list[Source]:
    """The sources that inputs stand for, each once, whatever is to become of them.

    Raises:
        ManifestError: an input names no video that is there.
        StorageError: a place cannot be listed, or a video named one by one is not there.
    """
    entries, empty = _all_entries(inputs, locate)
    if empty:
        raise ManifestError("no video here", problems=tuple(empty))
    for entry in entries.values():
        if entry.fault is not None:
            raise entry.fault
    return [entry.source or _looked_up(entry.uri, locate) for entry in entries.values()]


# ---- inputs to entries ---------------------------------------------------------------------------------------------


def _all_entries(
    inputs: Iterable[InputSpec], locate: Locate, settings_for: SettingsFor | None = None
) -> tuple[dict[str, _Entry], list[str]]:
    """The entries of all inputs by uri, of two for one source the later; and the inputs that have none.

    Raises:
        ManifestError: tables cannot be used; it has the faults of all of them.
    """
    entries: dict[str, _Entry] = {}
    empty = []
    unusable: list[ManifestError] = []
    for spec in inputs:
        try:
            of_spec = list(_entries(spec, locate, settings_for))
        except ManifestError as error:
            unusable.append(error)
            continue
        if not of_spec:
            empty.append(spec.uri or spec.table)
        for entry in of_spec:
            earlier = entries.pop(entry.uri, None)
            entries[entry.uri] = _named_again(earlier, entry) if earlier and not earlier.fault else entry
    if unusable:
        raise combined(unusable)
    return entries, empty


def _named_again(earlier: _Entry, later: _Entry) -> _Entry:
    """The later entry for one source, in the earlier one's place: naming a video again moves no output."""
    others = (*earlier.other_relpaths, later.relpath)
    return replace(later, relpath=earlier.relpath, other_relpaths=others, source=later.source or earlier.source)


def _entries(spec: InputSpec, locate: Locate, settings_for: SettingsFor | None) -> Iterator[_Entry]:
    if spec.table:
        for row in read_rows(spec, locate, settings_for):
            relpath = relpath_of(spec, row.written)
            yield _Entry(uri=row.uri, spec=spec, relpath=relpath, settings=row.settings)
        return
    uri = normalise_uri(spec.uri, Path.cwd())
    if is_pattern(uri) or looks_like_folder(uri) or (not is_s3(uri) and is_folder(uri, locate)):
        yield from _listed(uri, spec, locate)
    else:
        yield _Entry(uri=uri, spec=spec, relpath="")


def _listed(uri: str, spec: InputSpec, locate: Locate) -> Iterator[_Entry]:
    whole_folder = not is_pattern(uri)
    root, _, pattern = split_glob(uri)
    store, _ = locate(f"{root.rstrip('/')}/any")
    for match in expand(store, pattern, spec.excluded):
        if isinstance(match, Unlisted):
            closed = store.uri(match.key)
            yield _Entry(uri=closed, spec=spec, relpath="", fault=_closed(match.error, closed))
            continue
        info, found_uri = match.info, store.uri(match.info.key)
        by_suffix = whole_folder and not match.is_exact
        if by_suffix and PurePosixPath(found_uri).suffix.lower() not in VIDEO_SUFFIXES:
            continue
        source = Source(uri=found_uri, size_bytes=info.size_bytes, fingerprint=info.fingerprint)
        yield _Entry(uri=found_uri, spec=spec, relpath=match.relpath, source=source if info.fingerprint else None)


def _closed(error: SlomoError, uri: str) -> SlomoError:
    """The error of a file or folder of an input that cannot be looked into."""
    remedy = "Run again" if error.retryable else "Make it readable"
    return type(error)(
        "cannot be looked into",
        where=uri,
        got=error.got or error.what,
        remedy=f"{remedy}, or leave it out with `except`.",
    )


# ---- entries to requests -------------------------------------------------------------------------------------------


def _request(entry: _Entry, manifest: Manifest, locate: Locate) -> VideoRequest | VideoFailed:
    if entry.fault is not None:
        return _failed(entry, "", entry.fault)
    settings = entry.settings or manifest.settings_for(entry.spec)
    output_uri = ""
    try:
        output_uri = _output_uri(entry, manifest)
        for uri in (entry.uri, output_uri):
            if not is_text(uri):
                raise SourceUnsupported("the name is not UTF-8", where=uri, remedy="Rename the file or its folder.")
        faults = validate_output(settings, output_uri)
        if faults:
            raise SourceUnsupported("the output's container does not take this codec", where=output_uri, got=faults[0])
        return VideoRequest(
            source=entry.source or _looked_up(entry.uri, locate),
            output_uri=output_uri,
            exists=manifest.output.exists,
            settings=settings,
        )
    except (VideoError, StorageError) as error:
        return _failed(entry, output_uri, error)


def _collisions(requests: Iterable[VideoRequest]) -> list[str]:
    """What is wrong with the outputs together: by their names, by the folders behind links, by the files behind them.

    An output goes into the folder behind a link, and replaces a link under its own name.
    """
    sources = [request.source.uri for request in requests]
    outputs = [request.output_uri for request in requests]
    places = real_places(outputs)
    return (
        output_collisions(zip(sources, outputs, strict=True))
        or output_collisions(zip(real_places(sources), places, strict=True))
        or output_collisions(zip(map(real_file, sources), places, strict=True))
    )


def _failed(entry: _Entry, output_uri: str, error: SlomoError) -> VideoFailed:
    return VideoFailed(
        source_uri=storable(entry.uri),
        output_uri=storable(output_uri),
        error=type(error).__name__,
        reason=storable(str(error)),
    )


def _output_uri(entry: _Entry, manifest: Manifest) -> str:
    name, template = entry.uri.rpartition("/")[2], rooted(manifest.output.uri, Path.cwd())
    uri = normalise_uri(render_output(template, relpath=entry.relpath, name=name), Path.cwd())
    check_length(uri)
    return uri


def _other_names(entry: _Entry, manifest: Manifest) -> Iterator[str]:
    """The outputs that the later inputs would give the source, where they differ."""
    for relpath in set(entry.other_relpaths) - {entry.relpath}:
        with suppress(SourceUnsupported):
            yield _output_uri(replace(entry, relpath=relpath), manifest)


def _looked_up(uri: str, locate: Locate) -> Source:
    store, key = locate(uri)
    info = store.head(key)
    return Source(uri=uri, size_bytes=info.size_bytes, fingerprint=info.fingerprint)
