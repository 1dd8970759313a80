"""Find the videos: the manifest's inputs, expanded to one request per source, with its settings and its output."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slomo_batch.errors import AccessRefused, ManifestError, ObjectMissing, SourceUnsupported, StorageError, VideoError
from slomo_batch.manifest.compose import judge_output
from slomo_batch.manifest.naming import is_pattern, looks_like_folder, output_collisions, relpath_of, render_output
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.records import Settings, Source, VideoFailed, VideoRequest
from slomo_batch.storage.glob import expand, split_glob
from slomo_batch.storage.location import normalise_uri, rooted
from slomo_batch.storage.store import ObjectStore
from slomo_batch.tables.catalogue import read_catalogue

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
    """Named one by one, and not there."""
    empty: tuple[str, ...]
    """Inputs in which there is no video at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One source as an input names it."""

    uri: str
    spec: InputSpec
    relpath: str
    row: Mapping[str, str] | None = None
    source: Source | None = None
    """Where the listing told already."""


def find_videos(manifest: Manifest, locate: Locate) -> Found:
    """Expand the inputs. Of two entries for one source the later one counts.

    Raises:
        ManifestError: nothing at all was found, rows are wrong, or two sources would have one output.
        StorageError: a place cannot be listed.
    """
    entries, empty = _all_entries(manifest.inputs, locate)
    if not entries:
        raise ManifestError("no input names a video that is there", faults=tuple(empty))
    settings = _compose_all(entries.values(), manifest)
    requests: list[VideoRequest] = []
    missing: list[VideoFailed] = []
    with ThreadPoolExecutor(LOOKUPS_AT_A_TIME) as pool:
        for answer in pool.map(lambda entry: _request(entry, settings[entry.uri], manifest, locate), entries.values()):
            if isinstance(answer, VideoRequest):
                requests.append(answer)
            else:
                missing.append(answer)
    collisions = output_collisions((request.source.uri, request.output_uri) for request in requests)
    if collisions:
        raise ManifestError("outputs would collide", faults=tuple(collisions), remedy="Use {relpath} in output.uri.")
    return Found(requests=tuple(requests), missing=tuple(missing), empty=tuple(empty))


def find_sources(inputs: Iterable[InputSpec], locate: Locate) -> list[Source]:
    """The sources that inputs stand for, each once, whatever is to become of them.

    Raises:
        ManifestError: an input names no video that is there.
        StorageError: a place cannot be listed, or a video named one by one is not there.
    """
    entries, empty = _all_entries(inputs, locate)
    if empty:
        raise ManifestError("no video here", faults=tuple(empty))
    return [entry.source or _looked_up(entry.uri, locate) for entry in entries.values()]


# ---- inputs to entries ---------------------------------------------------------------------------------------------


def _all_entries(inputs: Iterable[InputSpec], locate: Locate) -> tuple[dict[str, _Entry], list[str]]:
    """The entries of all inputs by uri, of two for one source the later; and the inputs that have none."""
    entries: dict[str, _Entry] = {}
    empty = []
    for spec in inputs:
        of_spec = list(_entries(spec, locate))
        if not of_spec:
            empty.append(spec.uri or spec.table)
        for entry in of_spec:
            entries.pop(entry.uri, None)
            entries[entry.uri] = entry
    return entries, empty


def _entries(spec: InputSpec, locate: Locate) -> Iterator[_Entry]:
    if spec.table:
        yield from _rows(spec, locate)
        return
    uri = normalise_uri(spec.uri, Path.cwd())
    if is_pattern(uri) or looks_like_folder(uri) or Path(uri).is_dir():
        yield from _listed(uri, spec, locate)
    else:
        yield _Entry(uri=uri, spec=spec, relpath="")


def _listed(uri: str, spec: InputSpec, locate: Locate) -> Iterator[_Entry]:
    whole_folder = not is_pattern(uri)
    root, _, pattern = split_glob(uri)
    store, _ = locate(f"{root.rstrip('/')}/any")
    for match in expand(store, pattern, spec.excluded):
        info, found_uri = match.info, store.uri(match.info.key)
        if whole_folder and PurePosixPath(found_uri).suffix.lower() not in VIDEO_SUFFIXES:
            continue
        source = Source(uri=found_uri, size_bytes=info.size_bytes, fingerprint=info.fingerprint)
        yield _Entry(uri=found_uri, spec=spec, relpath=match.relpath, source=source if info.fingerprint else None)


def _rows(spec: InputSpec, locate: Locate) -> Iterator[_Entry]:
    table = normalise_uri(spec.table, Path.cwd())
    store, key = locate(table)
    try:
        data = store.get(key)
    except (ObjectMissing, AccessRefused) as error:
        raise ManifestError("the table cannot be read", where=table, remedy=str(error)) from error
    for row in read_catalogue(data, table):
        uri = normalise_uri(row.uri, Path.cwd())
        yield _Entry(uri=uri, spec=spec, relpath=relpath_of(spec, row.uri), row=row.settings)


# ---- entries to requests -------------------------------------------------------------------------------------------


def _compose_all(entries: Iterable[_Entry], manifest: Manifest) -> dict[str, Settings]:
    """The settings of every entry, by its uri; all faults of all rows are told at once."""
    composed: dict[str, Settings] = {}
    faults: list[str] = []
    for entry in entries:
        try:
            composed[entry.uri] = _settings(entry, manifest)
        except ManifestError as error:
            faults.extend(f"{entry.uri}: {fault}" for fault in error.faults)
    if faults:
        raise ManifestError("settings of some videos cannot be used", faults=tuple(faults))
    return composed


def _settings(entry: _Entry, manifest: Manifest) -> Settings:
    row = None if entry.row is None else {"uri": entry.uri, **entry.row}
    return manifest.settings_for(entry.spec, row)


def _request(entry: _Entry, settings: Settings, manifest: Manifest, locate: Locate) -> VideoRequest | VideoFailed:
    output_uri = ""
    try:
        output_uri = _output_uri(entry, manifest)
        faults = judge_output(settings, output_uri)
        if faults:
            raise SourceUnsupported("the output's container does not take this codec", where=output_uri, got=faults[0])
        return VideoRequest(
            source=entry.source or _looked_up(entry.uri, locate),
            output_uri=output_uri,
            exists=manifest.output.exists,
            settings=settings,
        )
    except (VideoError, StorageError) as error:
        return VideoFailed(source_uri=entry.uri, output_uri=output_uri, error=type(error).__name__, reason=str(error))


def _output_uri(entry: _Entry, manifest: Manifest) -> str:
    name, template = entry.uri.rpartition("/")[2], rooted(manifest.output.uri, Path.cwd())
    return normalise_uri(render_output(template, relpath=entry.relpath, name=name), Path.cwd())


def _looked_up(uri: str, locate: Locate) -> Source:
    store, key = locate(uri)
    info = store.head(key)
    return Source(uri=uri, size_bytes=info.size_bytes, fingerprint=info.fingerprint)
