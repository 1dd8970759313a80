"""Ids from content, never from the machines of the day: equal work has equal ids on every machine and in every run.

    video_id    the source, every setting and every pin that decides what is made of it
    chunk_id    a part of the video: its lane and its source pairs
    receipt_id  what a person asked for: the source, the settings, the weights' name, the output
    object_id   what stood under an output's name: its size and fingerprint

What is committed under a video id may be used again whenever the id is equal. A receipt id knows neither the code's
revision nor the pins, so that an upgrade never makes a published output look unmade. The bytes that are digested are
frozen (`id_inputs`).
"""

from dataclasses import replace

from slomo_batch.plan.id_inputs import pin_inputs, settings_inputs, source_input
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records import Chunk, Lane, VideoRequest
from slomo_batch.serialization import digest
from slomo_batch.settings import Interpolate, Settings


def video_id(request: VideoRequest, pin: JobPin) -> str:
    """Name everything that is made of one video on its way to one output.

    The chunk size is part of it although it changes no pixel: segments of two partitions cannot be joined. So are the
    output, whose container decides how the sound is coded, and the limit of held frames: the plan that is pinned under
    this id carries both. What becomes of an output that stands already (`exists`) is not.
    """
    return _video_id(request, pin)


def earlier_video_ids(request: VideoRequest, pin: JobPin) -> tuple[str, ...]:
    """The video ids of earlier versions: of lower pixel revisions, and of the first version's defaults; newest first.

    What is stored under them is never mixed with what is made under `video_id`.
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
    )


def chunk_id(video_id: str, lane: Lane, first_pair: int, end_pair: int) -> str:
    """Name source pairs [first_pair, end_pair) of a video, read in `lane`."""
    return digest("chunk", video_id, lane, str(first_pair), str(end_pair))


def chunks_in_lane(video_id: str, chunks: tuple[Chunk, ...], lane: Lane) -> tuple[Chunk, ...]:
    """The same chunks, named for `lane`: what was made of copied packets is never taken for what was decoded once."""
    return tuple(
        replace(chunk, chunk_id=chunk_id(video_id, lane, chunk.first_pair, chunk.end_pair)) for chunk in chunks
    )


def receipt_id(request: VideoRequest, weights_name: str) -> str:
    """Name what was asked for; `exists: skip` leaves alone what was published under the same name.

    `weights_name` is the shipped versioned name or URI that the settings' weights resolved to. How the work is cut
    into chunks changes nothing of the output, and is not part of it.
    """
    settings = request.settings
    interpolate = replace(settings.interpolate, weights=_used(weights_name, settings.interpolate))
    asked = replace(settings, interpolate=interpolate, pairs_per_chunk="auto")
    return digest(
        "receipt", source_input(request.source), request.output_uri, *settings_inputs(asked, first_defaults=True)
    )


def object_id(output_uri: str, size_bytes: int, fingerprint: str) -> str:
    """Name the very object that stands under an output's name; what replaces it, or is changed in it, has another."""
    return digest("object", output_uri, str(size_bytes), fingerprint)


def _settings_as_made(settings: Settings, pin: JobPin) -> Settings:
    """The settings with the pinned precision, and with the weights' name and hash in place of their spelling."""
    interpolate = settings.interpolate
    weights = ""
    if interpolate.method == "superslomo":
        pinned = pin.weights[interpolate.weights]
        weights = f"{pinned.name} {pinned.sha256}"
    precision = pin.precision if interpolate.precision == "auto" else interpolate.precision
    return replace(settings, interpolate=replace(interpolate, weights=weights, precision=precision))


def _used(weights_name: str, interpolate: Interpolate) -> str:
    return weights_name if interpolate.method == "superslomo" else ""
