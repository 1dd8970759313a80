"""Segments that are damaged when they are to be joined: one stitch finds all of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.attempts import ChunkTask
from slomo_batch.errors import WorkDamaged
from slomo_batch.plan.stored_plan import SegmentChoice, StoredPlan
from slomo_batch.records.requests import VideoRequest
from slomo_batch.settings import Chunks, Encode
from slomo_batch.steps import committed_objects
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.interpolate import interpolate_chunk
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stitch import stitch_video
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.clips.catalogue import clip
from tests.steps.test_changed_source import PIN, requested


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))


@pytest.fixture
def request_(context: StepContext, tmp_path: Path) -> VideoRequest:
    """A video of three chunks."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("no_audio").data)
    request = requested(source, context)
    settings = replace(request.settings, chunks=Chunks(pairs=14), encode=Encode(preset="ultrafast"))
    return replace(request, settings=settings)


@pytest.fixture
def made(request_: VideoRequest, context: StepContext) -> StoredPlan:
    """Its plan, with all chunks committed."""
    stored = open_video(request_, PIN, context, remake=False).stored
    assert set(split_video(stored, "copy", range(3), context, audio=False)) == {0, 1, 2}
    for chunk in stored.chunks:
        list(interpolate_chunk(ChunkTask.of(stored.plan, chunk, lane="copy", attempt="first"), context))
    return stored


@pytest.mark.parametrize("num_ahead", [0, 1, 4])
def test_all_damaged_segments_are_withdrawn_by_one_stitch(
    request_: VideoRequest, made: StoredPlan, context: StepContext, num_ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each damage costs the video an attempt; a disk that is damaged seldom damages one file."""
    monkeypatch.setattr(committed_objects, "num_ahead", lambda _: num_ahead)
    assert open_video(request_, PIN, context, remake=False).existing.done == {0, 1, 2}
    for found in list(context.work.list(context.layout.segments(made.plan.video_id)))[1:]:
        context.work.put(found.key, bytes(found.size_bytes))
    with pytest.raises(WorkDamaged):
        stitch_video(made, "copy", context, exists="skip")
    assert len(open_video(request_, PIN, context, remake=False).existing.done) == 1


def test_a_driver_that_was_frozen_in_a_stitch_withdraws_nothing_of_a_published_video(
    made: StoredPlan, context: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, results = VideoRecords.choose, []

    def frozen(
        records: VideoRecords, choice: SegmentChoice
    ) -> SegmentChoice:  # meanwhile its successor publishes and tidies up
        monkeypatch.setattr(VideoRecords, "choose", choose)
        results.append(stitch_video(made, "copy", context, exists="skip"))
        return choose(records, choice)

    monkeypatch.setattr(VideoRecords, "choose", frozen)
    results.append(stitch_video(made, "copy", context, exists="skip"))
    assert results[0] == results[1]
    assert len(list(context.work.list(context.layout.commits(made.plan.video_id)))) == 3
    assert VideoRecords(made.plan.video_id, context).choice() is not None
