"""Find which of many URIs exist, without a request for each, and resolve links of local paths."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, takewhile
from pathlib import Path

from slomo_batch.errors import AccessRefused, ManifestError, ObjectMissing, StorageError
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.store import Locate
from slomo_batch.uri import Uri

OBJECTS_PER_LISTING = 1000
"""Maximum number of objects in one answer to a listing request."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Which of many URIs exist."""

    present: set[Uri] = field(default_factory=set)
    """Those at which there is an object."""
    unknown: dict[Uri, StorageError] = field(default_factory=dict)
    """Those that cannot be checked, each with its error."""


def find_existing(uris: Iterable[Uri], locate: Locate) -> Presence:
    """Find which of `uris` exist. Local paths are checked one by one. On S3 one request lists 1,000 objects of the
    common parent prefix of a bucket's URIs; if that holds many other objects, the parent of each URI is listed.

    Raises:
        StorageError: a bucket cannot be listed.
    """
    by_bucket: dict[str, set[Uri]] = defaultdict(set)
    found = Presence()
    for uri in uris:
        if uri.bucket:
            by_bucket[uri.bucket].add(uri)
            continue
        try:
            if _status(uri, locate) is not None:
                found.present.add(uri)
        except StorageError as error:
            found.unknown[uri] = error
    for wanted in by_bucket.values():
        folders = {uri.rpartition("/")[0] + "/" for uri in wanted}
        first, last = min(folders).rstrip("/").split("/"), max(folders).rstrip("/").split("/")
        common = "/".join(one for one, other in takewhile(_alike, zip(first, last, strict=False))) + "/"
        most = len(folders) * OBJECTS_PER_LISTING
        in_common = list(islice(_listed(common, locate), most + 1))
        listed = in_common if len(in_common) <= most else (uri for folder in folders for uri in _listed(folder, locate))
        found.present.update(wanted.intersection(listed))
    return found


def check_readable(uris: Iterable[Uri], locate: Locate) -> None:
    """Check that the files named on a command line exist and can be read.

    Raises:
        ManifestError: some do not, or are folders; the error names all of them.
        StorageError: a store does not respond.
    """
    problems = []
    for uri in uris:
        if is_folder(uri, locate):
            problems.append(f"{uri}: is a folder, expected a video")
            continue
        store, key = locate(uri)
        try:
            store.head(key)
        except (ObjectMissing, AccessRefused) as error:
            problems.append(str(error))
    if problems:
        raise ManifestError("cannot read the input", problems=tuple(problems))


def is_folder(uri: Uri, locate: Locate) -> bool:
    """Whether it is the path of a folder; False if it is on S3, or cannot be checked."""
    try:
        status = _status(uri, locate) if uri.is_local else None
    except StorageError:
        return False
    return status is not None and stat.S_ISDIR(status.st_mode)


def _status(path: Uri, locate: Locate) -> os.stat_result | None:
    store, key = locate(path)
    if not isinstance(store, LocalStore):
        raise TypeError(f"{path} is not on this machine")
    return store.status(key)


def _alike(names: tuple[str, str]) -> bool:
    return bool(names[0] == names[1])


def _listed(folder: str, locate: Locate) -> Iterator[Uri]:
    store, prefix = locate(Uri(folder))
    return (store.uri(info.key) for info in store.list(prefix))


def resolve_folders(uris: Iterable[Uri]) -> list[str]:
    """Resolve the links in the folders of local URIs, but not a link at the file's own name. S3 URIs stay as they
    are."""
    real_folder = cache(os.path.realpath)  # many files lie in few folders
    places = []
    for uri in uris:
        folder, _, name = uri.rpartition("/")
        places.append(f"{real_folder(f'{folder}/').rstrip('/')}/{name}" if uri.is_local else uri)
    return places


def resolve_link(uri: Uri) -> str:
    """Resolve a local URI that is a link to a file; other URIs stay as they are."""
    return os.path.realpath(uri) if uri.is_local and Path(uri).is_symlink() else uri
