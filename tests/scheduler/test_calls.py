"""A call says what it is at, so that whoever survives its process knows what that process died of."""

from pathlib import Path

from slomo_batch.records import ChunkDone, ChunkTask
from slomo_batch.scheduler.calls import ChunkCall, Done, Entered, perform
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.wiring import JobEnvironment, open_context
from tests.clips.catalogue import clip
from tests.steps.test_changed_source import PIN, requested


def test_a_chunk_says_when_it_is_computed_and_when_that_is_over(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    context = open_context(JobEnvironment(work_uri=str(tmp_path / "work"), job="job"))
    stored = open_video(requested(source, context), PIN, context, afresh=False).stored
    list(split_video(stored, "copy", {0}, context, sound=False))
    task = ChunkTask(plan=stored.plan, chunk=stored.chunks[0], lane="copy", attempt="first")
    call = ChunkCall(video=0, task=task, alone=False, avoid=frozenset())
    *phases, end = perform(call, context)
    assert phases == [Entered(phase="computing"), Entered(phase="storing")]
    assert isinstance(end, Done)
    assert isinstance(end.value, ChunkDone)
    [again] = perform(call, context)
    assert isinstance(again, Done)
    assert again.value == end.value, "what is committed is found, not computed"
