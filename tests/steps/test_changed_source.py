"""A source that is not the one that was planned fails its video, wherever that is noticed; a receipt outranks all."""

from pathlib import Path

import pytest

from slomo_batch.errors import SourceChanged
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.plan.ids import receipt_id
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.records.commits import FrameCounts
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.records.results import Published
from slomo_batch.settings import Chunks, Interpolate, Settings
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stored_records import commit
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.clips.catalogue import clip

PIN = JobPin(
    pixel_revision=PIXEL_REVISION, precision="fp32", threads=1, nvenc_works=False, methods={"blend": MethodPin()}
)


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))


def requested(path: Path, context: StepContext) -> VideoRequest:
    store, key = context.locate(Uri(path))
    info = store.head(key)
    return VideoRequest(
        source=Source(uri=Uri(path), size_bytes=info.size_bytes, fingerprint=info.fingerprint),
        output_uri=Uri(path.with_suffix(".slow.mp4")),
        exists="skip",
        settings=Settings(interpolate=Interpolate(method="blend"), chunks=Chunks(pairs=4)),
    )


def test_before_it_is_probed(context: StepContext, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    request = requested(source, context)
    source.write_bytes(clip("full_range").data)
    with pytest.raises(SourceChanged):
        open_video(request, PIN, context, remake=False)


def test_what_another_driver_published_meanwhile_is_not_made_again(context: StepContext, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    request = requested(source, context)
    opened = open_video(request, PIN, context, remake=False)
    plan = opened.stored.plan
    choice = context.layout.choice(plan.video_id)
    context.work.put(choice, b"the choice of the other driver")
    published = Published(
        video_id=plan.video_id,
        source=request.source,
        output_uri=request.output_uri,
        size_bytes=1,
        sha256="",
        num_frames=plan.grid.num_frames,
        duration_s=plan.tick_s,
        counts=FrameCounts(),
        frames_sha256="",
        weights_name="",
        machines=(),
        notes=(),
    )
    commit(context.work, context.layout.receipt(receipt_id(request, "")), published)
    again = open_video(request, PIN, context, remake=False)
    assert (len(again.existing.done), again.existing.needs_audio) == (len(opened.stored.chunks), False)
    assert context.work.get(choice), "what it was published with is not withdrawn"
    assert not open_video(request, PIN, context, remake=True).existing.done


def test_between_the_plan_and_the_split(context: StepContext, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    opened = open_video(requested(source, context), PIN, context, remake=False)
    wanted = range(len(opened.stored.chunks))
    assert list(split_video(opened.stored, opened.existing.lane, wanted, context, audio=True)) == list(wanted)
    source.write_bytes(clip("two_tracks").data[:-1] + b"!")
    with pytest.raises(SourceChanged, match=r"clip\.mp4"):
        list(split_video(opened.stored, opened.existing.lane, wanted, context, audio=True))
