"""Ids from content: equal work has equal ids on every machine and in every run.

    video_id    the source, and every setting and pin that changes the output
    chunk_id    a part of the video: its lane and its source pairs
    receipt_id  the request: the source, the settings, the weights' name, the output
    object_id   the object under an output's name: its size and fingerprint

Work that is committed under a video id is reused if the id is equal. A receipt id includes neither the pixel revision
nor the pins, so a published output is still recognized after an upgrade. The digested bytes are frozen (`id_inputs`).
"""

from dataclasses import replace

from slomo_batch.plan.id_inputs import method_inputs, pin_inputs, settings_inputs, source_input
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.plans import Chunk
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.source_facts import Lane
from slomo_batch.serialization import digest
from slomo_batch.settings import Settings


def video_id(request: VideoRequest, pin: JobPin) -> str:
    """Return the id of all work on one video for one output.

    The chunk size is included although it changes no pixel: segments of different partitions cannot be joined. The
    output, whose container decides the audio codec, and the limit of held frames are included because the plan stored
    under this id contains both. `exists` is not included.
    """
    return _video_id(request, pin)


def earlier_video_ids(request: VideoRequest, pin: JobPin) -> tuple[str, ...]:
    """Return the video ids of earlier versions: of lower pixel revisions, and of the first defaults; newest first.

    Work stored under them is never mixed with work under `video_id`.
    """
    pins = [replace(pin, pixel_revision=revision) for revision in range(pin.pixel_revision, 0, -1)]
    ids = [_video_id(request, one, first_defaults=first) for one in pins for first in (False, True)]
    return tuple(one for one in dict.fromkeys(ids) if one != video_id(request, pin))


def _video_id(request: VideoRequest, pin: JobPin, *, first_defaults: bool = False) -> str:
    return digest(
        "video",
        str(pin.pixel_revision),
        source_input(request.source),
        request.output_uri,
        *settings_inputs(_settings_as_made(request.settings, pin), first_defaults=first_defaults),
        *pin_inputs(pin),
        *method_inputs(pin.methods[request.settings.interpolate.method].version),
    )


def chunk_id(video_id: str, lane: Lane, first_pair: int, end_pair: int) -> str:
    """Return the id of the source pairs [first_pair, end_pair) of a video in `lane`."""
    return digest("chunk", video_id, lane, str(first_pair), str(end_pair))


def chunks_in_lane(video_id: str, chunks: tuple[Chunk, ...], lane: Lane) -> tuple[Chunk, ...]:
    """Return the same chunks with the ids of `lane`, so that results of two lanes are never mixed."""
    return tuple(
        replace(chunk, chunk_id=chunk_id(video_id, lane, chunk.first_pair, chunk.end_pair)) for chunk in chunks
    )


def receipt_id(request: VideoRequest, weights_name: str) -> str:
    """Return the id of a request. `exists: skip` keeps an output that was published with the same id.

    `weights_name` is the shipped versioned name or the URI that the settings' weights resolved to; empty if the method
    has none. Settings that do not change the output, such as the chunk size, are not included.
    """
    settings = request.settings
    asked = replace(settings, interpolate=replace(settings.interpolate, weights=weights_name))
    return digest(
        "receipt",
        source_input(request.source),
        request.output_uri,
        *settings_inputs(asked, first_defaults=True, output_only=True),
    )


def object_id(output_uri: str, size_bytes: int, fingerprint: str) -> str:
    """Return the id of the object under an output's name. An object that replaces or changes it has another id."""
    return digest("object", output_uri, str(size_bytes), fingerprint)


def _settings_as_made(settings: Settings, pin: JobPin) -> Settings:
    """Return the settings with the pinned precision, and with the weights' name and hash in place of their value."""
    interpolate = settings.interpolate
    pinned = pin.weights_of(interpolate)
    weights = f"{pinned.name} {pinned.sha256}" if pinned else ""
    precision = pin.precision if interpolate.precision == "auto" else interpolate.precision
    return replace(settings, interpolate=replace(interpolate, weights=weights, precision=precision))
