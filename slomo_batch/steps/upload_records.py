"""Uploads of this job: a record in the work place for as long as one is under way, so that what a kill leaves is found.

A record names one upload by the store's own name of it: nothing is looked for by a pattern where others write too.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from slomo_batch.errors import SlomoError, WorkDamaged
from slomo_batch.serialization import digest
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed, put_record
from slomo_batch.storage.store import ObjectStore, Upload
from slomo_batch.storage.work_layout import Layout, parts_of


class RecordedUploads:
    """Records of the uploads that a job begins, in its work place."""

    def __init__(self, work: ObjectStore, layout: Layout) -> None:
        self._work, self._layout = work, layout

    def begun(self, upload: Upload) -> None:
        """Record an upload that is about to hold something."""
        put_record(self._work, self._key(upload), upload)

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
    upload: Upload | None
    """None where the record is damaged."""
    size_bytes: int | None
    """What it holds; None where nothing of it is left, or the record is damaged."""


def unfinished(context: StepContext) -> Iterator[Unfinished]:
    """The uploads that are recorded."""
    for found in context.work.list(context.layout.uploads):
        if not parts_of(context.layout, "upload", found.key):
            continue
        try:
            upload = committed(context.work, found.key, Upload)
        except WorkDamaged:
            yield Unfinished(key=found.key, upload=None, size_bytes=None)
            continue
        if upload is not None:
            store, key = context.locate(upload.uri)
            yield Unfinished(key=found.key, upload=upload, size_bytes=store.upload_size(key, upload.token))


def abort(upload: Upload, context: StepContext) -> None:
    """Delete what is left of this very upload."""
    store, key = context.locate(upload.uri)
    store.abort(key, upload.token)
