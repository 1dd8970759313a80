"""Presence: at which of many URIs something stands, without a request for each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from slomo_batch.storage.location import is_s3
from slomo_batch.storage.store import ObjectStore


def standing(uris: Iterable[str], locate: Callable[[str], tuple[ObjectStore, str]]) -> set[str]:
    """Those of `uris` at which there is an object. On S3 one listing per folder, on disk a look at each name."""
    on_s3: dict[str, list[str]] = defaultdict(list)
    found = set()
    for uri in uris:
        if is_s3(uri):
            on_s3[uri.rpartition("/")[0] + "/"].append(uri)
        elif Path(uri).exists():
            found.add(uri)
    for folder, wanted in on_s3.items():
        found.update(_listed(folder, set(wanted), locate))
    return found


def _listed(folder: str, wanted: set[str], locate: Callable[[str], tuple[ObjectStore, str]]) -> Iterator[str]:
    store, prefix = locate(folder)
    for info in store.list(prefix):
        uri = store.uri(info.key)
        if uri in wanted:
            yield uri
