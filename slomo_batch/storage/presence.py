"""Presence: at which of many URIs something stands, without a request for each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile
from pathlib import Path

from slomo_batch.storage.location import is_s3
from slomo_batch.storage.store import ObjectStore

OBJECTS_PER_LISTING = 1000
"""What one request lists at most."""


def standing(uris: Iterable[str], locate: Callable[[str], tuple[ObjectStore, str]]) -> set[str]:
    """Those of `uris` at which there is an object. On disk a look at each name; on S3 a request per 1,000 objects of
    the folder that all of a bucket have in common, or, where much else stands there, of the folders they are in."""
    by_bucket: dict[str, set[str]] = defaultdict(set)
    found = set()
    for uri in uris:
        if is_s3(uri):
            by_bucket[uri.split("/", 3)[2]].add(uri)
        elif Path(uri).exists():
            found.add(uri)
    for wanted in by_bucket.values():
        folders = {uri.rpartition("/")[0] + "/" for uri in wanted}
        first, last = min(folders).rstrip("/").split("/"), max(folders).rstrip("/").split("/")
        common = "/".join(one for one, other in takewhile(_alike, zip(first, last, strict=False))) + "/"
        most = len(folders) * OBJECTS_PER_LISTING
        in_common = list(islice(_listed(common, locate), most + 1))
        listed = in_common if len(in_common) <= most else (uri for folder in folders for uri in _listed(folder, locate))
        found.update(wanted.intersection(listed))
    return found


def _alike(names: tuple[str, str]) -> bool:
    return bool(names[0] == names[1])


def _listed(folder: str, locate: Callable[[str], tuple[ObjectStore, str]]) -> Iterator[str]:
    store, prefix = locate(folder)
    return (store.uri(info.key) for info in store.list(prefix))
