"""Records of the uploads in progress, so that those of a killed process can be found and aborted.

A record names one upload by the id that the store gave it. Uploads are never searched for by a pattern, because others
may upload to the same place.
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
    """An UploadLog that keeps records of a job's uploads in its work place."""

    def __init__(self, work: ObjectStore, layout: Layout) -> None:
        self._work, self._layout = work, layout

    def begun(self, upload: Upload) -> None:
        """Record an upload before data is sent."""
        put_record(self._work, self._key(upload), upload)

    def ended(self, upload: Upload) -> None:
        """Delete the record of an upload that ended. `gc` finds a record that cannot be deleted now."""
        with suppress(SlomoError):
            self._work.delete([self._key(upload)])

    def _key(self, upload: Upload) -> str:
        return self._layout.upload(digest("upload", upload.uri, upload.token))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A recorded upload of a job that no driver is running."""

    key: str
    """Key of the record."""
    upload: Upload | None
    """None if the record is damaged."""
    size_bytes: int | None
    """Size of the data uploaded so far; None if the upload no longer exists, or the record is damaged."""


def unfinished(context: StepContext) -> Iterator[Unfinished]:
    """Yield the recorded uploads."""
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
    """Abort this upload, and no other."""
    store, key = context.locate(upload.uri)
    store.abort(key, upload.token)
