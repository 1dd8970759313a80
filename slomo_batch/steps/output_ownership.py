"""Ownership: what this job itself put under outputs' names, and of which source, told by the very object that stands.

A record per object put, under a key that follows from the output's URI and the object's size and fingerprint: whoever
touches the object leaves it without one. Read only where something stands in the way.
"""

from dataclasses import replace

from slomo_batch.errors import AccessRefused, ObjectMissing
from slomo_batch.plan.ids import object_id, receipt_id
from slomo_batch.records import OutputOwnership, VideoRequest
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed, exists, put_record
from slomo_batch.storage.store import ObjectInfo


def look(output_uri: str, context: StepContext) -> ObjectInfo | None:
    """What stands under an output's name; None where nothing does, or nothing that we may look at."""
    store, key = context.locate(output_uri)
    try:
        return store.head(key)
    except (ObjectMissing, AccessRefused):
        return None


def owned(output_uri: str, standing: ObjectInfo | None, context: StepContext) -> OutputOwnership | None:
    """The record of the object that stands there; None where this job did not put it, or it was touched since.

    Raises:
        WorkDamaged: there is a record, and it is damaged.
    """
    if standing is None:
        return None
    key = _key(output_uri, standing, context)
    return committed(context.work, key, OutputOwnership, belongs=lambda record: record.output_uri == output_uri)


def begun(video_id: str, context: StepContext) -> bool:
    """Whether this job began to put the output of this very video, when nothing else stood in its way."""
    return exists(context.work, context.layout.publishing(video_id))


def own(record: OutputOwnership, put: ObjectInfo, context: StepContext) -> None:
    """Record that this job put the object that stands now."""
    put_record(context.work, _key(record.output_uri, put, context), record)


def is_earlier_version(earlier: OutputOwnership | None, request: VideoRequest, weights_name: str) -> bool:
    """Whether an object is the same output of the same source, which has changed since; settings and all else alike."""
    return (
        earlier is not None
        and earlier.source.uri == request.source.uri
        and earlier.receipt_id == receipt_id(replace(request, source=earlier.source), weights_name)
    )


def _key(output_uri: str, standing: ObjectInfo, context: StepContext) -> str:
    return context.layout.owned(object_id(output_uri, standing.size_bytes, standing.fingerprint))
