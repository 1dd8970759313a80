"""Uploads of this job: a record in the work place for as long as one is under way, so that what a kill leaves is found.

A record names one upload by the store's own name of it: nothing is looked for by a pattern where others write too.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from slomo_batch.documents import digest, from_json, to_json
from slomo_batch.errors import SlomoError
from slomo_batch.steps.bench import Bench
from slomo_batch.storage.layout import Layout
from slomo_batch.storage.store import ObjectStore, Upload


class RecordedUploads:
    """Records of the uploads that a job begins, in its work place."""

    def __init__(self, work: ObjectStore, layout: Layout) -> None:
        self._work, self._layout = work, layout

    def begun(self, upload: Upload) -> None:
        """Record an upload that is about to hold something."""
        self._work.put(self._key(upload), to_json(upload))

    def ended(self, upload: Upload) -> None:
        """Nothing of it is left. A record that cannot be deleted now is found to be void later."""
        with suppress(SlomoError):
            self._work.delete([self._key(upload)])

    def _key(self, upload: Upload) -> str:
        return self._layout.upload(digest("upload", upload.uri, upload.token))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An upload that is recorded, of a job that nobody is running."""

    key: str
    """Of the record."""
    upload: Upload
    size_bytes: int | None
    """What it holds; None where nothing of it is left."""


def unfinished(bench: Bench) -> Iterator[Unfinished]:
    """The uploads that are recorded."""
    for found in bench.work.list(bench.layout.uploads):
        upload = from_json(Upload, bench.work.get(found.key))
        store, key = bench.locate(upload.uri)
        yield Unfinished(key=found.key, upload=upload, size_bytes=store.upload_size(key, upload.token))


def abort(upload: Upload, bench: Bench) -> None:
    """Delete what is left of this very upload."""
    store, key = bench.locate(upload.uri)
    store.abort(key, upload.token)
