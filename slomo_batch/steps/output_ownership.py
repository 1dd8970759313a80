"""Output ownership: records of the objects that this job put under output names, and of which source each was made.

There is one record for each object. Its key follows from the output's URI and the object's size and fingerprint, so an
object that somebody else changes or replaces has no record. Records are only read if an object exists under the name
of an output that is about to be made.
"""

from dataclasses import replace

from slomo_batch.errors import AccessRefused, ObjectMissing
from slomo_batch.plan.ids import object_id, receipt_id
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import OutputOwnership
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed, exists, put_record
from slomo_batch.storage.store import ObjectInfo
from slomo_batch.uri import Uri


def output_object(output_uri: Uri, context: StepContext) -> ObjectInfo | None:
    """The object under an output's name; None if there is none, or it cannot be accessed."""
    store, key = context.locate(output_uri)
    try:
        return store.head(key)
    except (ObjectMissing, AccessRefused):
        return None


def read_ownership(output_uri: Uri, found: ObjectInfo | None, context: StepContext) -> OutputOwnership | None:
    """The record of the object under an output's name; None if this job did not put it, or it was changed since.

    Raises:
        WorkDamaged: there is a record, and it is damaged.
    """
    if found is None:
        return None
    key = _key(output_uri, found, context)
    return committed(context.work, key, OutputOwnership, belongs=lambda record: record.output_uri == output_uri)


def record_ownership(record: OutputOwnership, put: ObjectInfo, context: StepContext) -> None:
    """Record that this job put the object that exists now."""
    put_record(context.work, _key(record.output_uri, put, context), record)


def mark_upload_begun(video_id: str, context: StepContext) -> None:
    """Record that this job may put the output of this video: whatever exists under its name now may be replaced."""
    context.work.put(context.layout.publishing(video_id), b"{}")


def has_begun_upload(video_id: str, context: StepContext) -> bool:
    """Whether this job began to upload the output of this video."""
    return exists(context.work, context.layout.publishing(video_id))


def is_earlier_version(earlier: OutputOwnership | None, request: VideoRequest, weights_name: str) -> bool:
    """Whether an object is the output of an earlier version of the same source, with the same settings."""
    return (
        earlier is not None
        and earlier.source.uri == request.source.uri
        and earlier.receipt_id == receipt_id(replace(request, source=earlier.source), weights_name)
    )


def _key(output_uri: Uri, found: ObjectInfo, context: StepContext) -> str:
    return context.layout.owned(object_id(output_uri, found.size_bytes, found.fingerprint))
