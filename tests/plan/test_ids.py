"""Ids: what changes them, and what does not."""

from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

import pytest

from slomo_batch.plan.ids import chunk_id, chunks_in_lane, earlier_video_ids, receipt_id, video_id
from slomo_batch.plan.job_pin import JobPin, MethodPin, WeightsPin
from slomo_batch.records.plans import Chunk
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.settings import Chunks, Encode, FpsTarget, Interpolate, Retime, Settings, VideoLimits
from slomo_batch.uri import Uri

SOURCE = Source(uri=Uri("s3://archive/a.mp4"), size_bytes=1000, fingerprint="etag-1")
REQUEST = VideoRequest(source=SOURCE, output_uri=Uri("s3://out/a.mp4"), exists="skip", settings=Settings())
COMPACT = WeightsPin(name="compact-1", sha256="aa", network="superslomo-compact")
PIN = JobPin(
    pixel_revision=1,
    precision="fp32",
    threads=1,
    nvenc_works=False,
    methods={
        "superslomo": MethodPin(
            weights={"compact": COMPACT, "compact-1": COMPACT, "other": replace(COMPACT, name="other", sha256="bb")}
        ),
        "blend": MethodPin(),
        "flow": MethodPin(),
    },
)


def _with_weights(weights: dict[str, WeightsPin]) -> JobPin:
    return replace(PIN, methods={**PIN.methods, "superslomo": MethodPin(weights=weights)})


def _with(**changes: Any) -> VideoRequest:
    return replace(REQUEST, settings=replace(REQUEST.settings, **changes))


def _interpolating(**changes: Any) -> VideoRequest:
    return _with(interpolate=replace(REQUEST.settings.interpolate, **changes))


OTHER_VIDEOS = {
    "size": replace(REQUEST, source=replace(SOURCE, size_bytes=1001)),
    "fingerprint": replace(REQUEST, source=replace(SOURCE, fingerprint="etag-2")),
    "uri": replace(REQUEST, source=replace(SOURCE, uri=Uri("s3://archive/b.mp4"))),
    "output": replace(REQUEST, output_uri=Uri("s3://out/a.mkv")),
    "slowdown": _with(retime=Retime(slowdown=Fraction(8))),
    "fps": _with(retime=Retime(fps=FpsTarget(kind="rate", value=Fraction(60)))),
    "method": _interpolating(method="blend"),
    "weights": _interpolating(weights="other"),
    "cuts": _interpolating(cuts="ignore"),
    "precision": _interpolating(precision="bf16"),
    "flow scale": _interpolating(flow_scale=Fraction(1, 2)),
    "audio": _with(audio="drop"),
    "quality": _with(encode=Encode(quality=20)),
    "held frames": _with(limits=VideoLimits(max_held_frames=0)),
}
PINNED_IDS = (
    "e18f681167016d601a7fd71e3eae4474",
    "6cd05f82b65d38dd4a859645816e212e",
    "af147906aa7803009025832ab3fab0f9",
)
URI = 's3://models/K\u00e4se "x".safetensors'
"""Weights by URI, of characters that JSON escapes and that it does not."""
OF_URI = WeightsPin(name=URI, sha256="dd", network="superslomo-paper")
PINNED_IDS_OF_OTHERS = {
    "blend": (
        _interpolating(method="blend"),
        _with_weights({}),
        "2c19ced296fd80a4b38cf7d6d493f19c",
        "882c31e80b065bb493287659e6700695",
        "42a1743374c413f0618fb93395b439ca",
    ),
    "weights by URI": (
        _interpolating(weights=URI),
        _with_weights({URI: OF_URI}),
        "844e6a0251a0126f69c474550f618895",
        "e6e1c831c048db859107191ff0d6051b",
        "2e85adbdd9308acde88ae174ef43a82a",
    ),
    "cpus_per_worker: 2": (
        REQUEST,
        replace(PIN, threads=2),
        "4fb0dde85508a4e2feb61fb080fc40de",
        "b759011ab2a604c1ac245d72a67c15fe",
        "af147906aa7803009025832ab3fab0f9",
    ),
    "every setting": (
        replace(
            REQUEST,
            source=replace(SOURCE, uri=Uri('/data/\u00fc"\\\n\x7f\u2028.mp4')),
            settings=Settings(
                retime=Retime(slowdown=Fraction(5, 2), fps=FpsTarget(kind="rate", value=Fraction(60000, 1001))),
                interpolate=Interpolate(method="flow", cuts="ignore", precision="bf16", flow_scale=Fraction(1, 2)),
                audio="resample",
                encode=Encode(codec="ffv1", quality=3, preset="slow", encoder="software", pixel_format="yuv422p"),
                chunks=Chunks(pairs=7),
                limits=VideoLimits(max_held_frames=0),
            ),
        ),
        replace(PIN, nvenc_works=True),
        "d7bd44456b0a1e7a05691d4a3a9be64a",
        "2e2b190287fb090c86ae81aee62cacfe",
        "04a031bd8f1b7d43f2bd0a813722d0c8",
    ),
}
"""Request, pin, and what commit 5c59279 made of them: the ids of the video, of a chunk, and of the receipt."""
CHUNK_SIZED = _with(chunks=Chunks(pairs=10))
OTHER_PINS = {
    "revision": replace(PIN, pixel_revision=2),
    "precision": replace(PIN, precision="fp16"),
    "threads": replace(PIN, threads=2),
    "nvenc": replace(PIN, nvenc_works=True),
    "weights": _with_weights({"compact": replace(COMPACT, sha256="cc")}),
}


@pytest.mark.parametrize("changed", [*OTHER_VIDEOS, "chunk size"])
def test_what_decides_the_output_is_part_of_the_video_id(changed: str) -> None:
    other = {**OTHER_VIDEOS, "chunk size": CHUNK_SIZED}[changed]
    assert video_id(other, PIN) != video_id(REQUEST, PIN)


@pytest.mark.parametrize("changed", OTHER_PINS)
def test_what_the_job_pinned_is_part_of_the_video_id(changed: str) -> None:
    assert video_id(REQUEST, OTHER_PINS[changed]) != video_id(REQUEST, PIN)


@pytest.mark.parametrize(
    "same",
    [
        replace(REQUEST, exists="replace"),
        _interpolating(weights="compact-1"),
        _interpolating(precision="fp32"),
    ],
    ids=["exists", "spelling of the weights", "spelling of the precision"],
)
def test_what_does_not_change_the_output_is_not_in_the_video_id(same: VideoRequest) -> None:
    assert video_id(same, PIN) == video_id(REQUEST, PIN)


def test_a_method_without_weights_needs_none_pinned() -> None:
    without = _with_weights({})
    assert video_id(_interpolating(method="blend"), without) == video_id(_interpolating(method="blend"), PIN)


def test_the_ids_of_today_are_those_of_yesterday() -> None:
    """Segments in work stores and receipts of archives go by these: a change here makes them all unmade."""
    identity = video_id(REQUEST, PIN)
    ids = (identity, chunk_id(identity, "copy", 0, 93), receipt_id(REQUEST, "compact-1"))
    assert ids == PINNED_IDS


@pytest.mark.parametrize("codec", ["auto", "h264"])
def test_the_automatic_codec_has_the_ids_of_h264(codec: Literal["auto", "h264"]) -> None:
    request = _with(encode=Encode(codec=codec))
    assert (video_id(request, PIN), receipt_id(request, "compact-1")) == (PINNED_IDS[0], PINNED_IDS[2])


def test_earlier_versions_are_those_of_lower_pixel_revisions() -> None:
    later = replace(PIN, pixel_revision=3)
    earlier = [video_id(REQUEST, replace(PIN, pixel_revision=revision)) for revision in (2, 1)]
    assert list(earlier_video_ids(REQUEST, later)) == earlier
    assert earlier_video_ids(REQUEST, PIN) == ()


@pytest.mark.parametrize("kind", PINNED_IDS_OF_OTHERS)
def test_the_ids_of_other_settings_are_those_of_commit_5c59279(kind: str) -> None:
    request, pin, of_video, of_chunk, of_receipt = PINNED_IDS_OF_OTHERS[kind]
    name = pin.weights_name(request.settings)
    identity = video_id(request, pin)
    assert (identity, chunk_id(identity, "copy", 0, 93), receipt_id(request, name)) == (of_video, of_chunk, of_receipt)


@pytest.mark.parametrize("changed", [name for name in OTHER_VIDEOS if name != "weights"])
def test_what_was_asked_for_is_part_of_the_receipt_id(changed: str) -> None:
    assert receipt_id(OTHER_VIDEOS[changed], "compact-1") != receipt_id(REQUEST, "compact-1")


def test_the_name_of_the_weights_is_part_of_the_receipt_id_and_its_spelling_is_not() -> None:
    assert receipt_id(REQUEST, "compact-2") != receipt_id(REQUEST, "compact-1")
    assert receipt_id(_interpolating(weights="compact-1"), "compact-1") == receipt_id(REQUEST, "compact-1")


def test_the_chunk_size_and_what_becomes_of_a_standing_output_are_no_part_of_the_receipt_id() -> None:
    assert receipt_id(CHUNK_SIZED, "compact-1") == receipt_id(REQUEST, "compact-1")
    assert receipt_id(replace(REQUEST, exists="fail"), "compact-1") == receipt_id(REQUEST, "compact-1")


def test_weights_are_no_part_of_the_receipt_of_a_method_that_has_none() -> None:
    blend, other = _interpolating(method="blend"), _interpolating(method="blend", weights="other")
    assert PIN.weights_name(blend.settings) == PIN.weights_name(other.settings) == ""
    assert receipt_id(blend, "") == receipt_id(other, "")


def test_the_version_of_a_method_of_another_package_is_part_of_the_video_id_and_not_of_the_receipt() -> None:
    video = _interpolating(method="nearest")
    pins = [replace(PIN, methods={"nearest": MethodPin(version=version)}) for version in ("", "a 1.0", "a 1.1")]
    assert len({video_id(video, pin) for pin in pins}) == 3
    assert len({receipt_id(video, pin.weights_name(video.settings)) for pin in pins}) == 1


def test_lanes_and_pairs_give_chunks_ids_of_their_own() -> None:
    ids = {
        chunk_id("v", "copy", 0, 10),
        chunk_id("v", "decode", 0, 10),
        chunk_id("v", "copy", 0, 11),
        chunk_id("v", "copy", 10, 20),
        chunk_id("w", "copy", 0, 10),
    }
    assert len(ids) == 5


def test_chunks_named_for_a_lane_differ_in_nothing_but_the_id() -> None:
    chunk = Chunk(chunk_id="x", index=1, first_pair=10, end_pair=20, first_frame=40, end_frame=80)
    (decoded,) = chunks_in_lane("v", (chunk,), "decode")
    assert decoded == replace(chunk, chunk_id=chunk_id("v", "decode", 10, 20))
