"""A call reports what it is doing, so that a crash of its process can be attributed."""

import pickle
import subprocess
import sys
from pathlib import Path

from slomo_batch.attempts import ChunkTask, FramesMade, Succeeded
from slomo_batch.records.commits import ChunkDone
from slomo_batch.scheduler.calls import ChunkCall, Entered, Interval, OpenCall, SplitCall, perform
from slomo_batch.scheduler.messages import MakeChunk
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.attempts import step_head
from tests.clips.catalogue import clip
from tests.steps.test_changed_source import PIN, requested

ORDER = MakeChunk(video=0, lane="copy", chunk=0, attempt_number=1, isolated=False)


def split_chunk(folder: Path) -> tuple[ChunkTask, StepContext]:
    """An attempt at the first chunk of a video, whose object is stored."""
    source = folder / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    context = open_context(JobEnvironment(work_uri=Uri(folder / "work"), job="job"))
    stored = open_video(requested(source, context), PIN, context, remake=False).stored
    list(split_video(stored, "copy", {0}, context, audio=False))
    return ChunkTask.of(stored.plan, stored.chunks[0], lane="copy", attempt="first"), context


def test_a_chunk_reports_the_start_and_end_of_its_computation(tmp_path: Path) -> None:
    task, context = split_chunk(tmp_path)
    call = ChunkCall(order=ORDER, task=task)
    said = [one for one in perform(call, context) if not isinstance(one, FramesMade)]
    *phases, end = said
    assert phases == [Entered(phase="computing"), Entered(phase="storing")]
    assert isinstance(end, Succeeded)
    assert isinstance(end.result, ChunkDone)
    [again] = perform(call, context)
    assert isinstance(again, Succeeded)
    assert again.result == end.result, "a committed chunk is found, not computed"


def test_a_chunk_reports_its_frames_while_it_is_made(tmp_path: Path) -> None:
    task, context = split_chunk(tmp_path)
    said = list(perform(ChunkCall(order=ORDER, task=task, report_s=0.0), context))
    counts = [report.num_frames for report in said if isinstance(report, FramesMade)]
    chunk = task.chunk
    num_frames = chunk.end_frame - chunk.first_frame
    assert len(counts) >= num_frames
    assert (counts, counts[-1]) == (sorted(counts), num_frames)
    assert said[-2:] == [Entered(phase="storing"), said[-1]]


def test_an_interval_is_over_once_in_so_many_seconds() -> None:
    now = [0.0]
    interval = Interval(2.0, lambda: now[0])
    over = []
    for tenth in range(100):
        now[0] = tenth / 10
        if interval.is_over():
            over.append(now[0])
    assert over == [2.0, 4.0, 6.0, 8.0]


PERFORMING = """
import pickle, sys
from pathlib import Path
import slomo_batch.scheduler.ray_engine
from slomo_batch.scheduler.calls import perform
from slomo_batch.wiring import open_context
environment, *calls = pickle.loads(Path(sys.argv[1]).read_bytes())
for call in calls:
    *_, end = perform(call, open_context(environment))
    print(type(end).__name__)
print(sorted({"torch", "cv2", "pyarrow"} & sys.modules.keys()))
"""


def test_a_process_that_opens_and_splits_does_not_load_torch(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    environment = JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job")
    request = requested(source, open_context(environment))
    stored = open_video(request, PIN, open_context(environment), remake=False).stored
    calls = (
        OpenCall(head=step_head("open"), request=request, pin=PIN, remake=False),
        SplitCall(head=step_head("split"), stored=stored, lane="copy", wanted=frozenset({0}), audio=True),
    )
    (tmp_path / "calls").write_bytes(pickle.dumps((environment, *calls)))
    command = [sys.executable, "-c", PERFORMING, str(tmp_path / "calls")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ended.split("\n") == ["Succeeded", "Succeeded", "[]", ""]
