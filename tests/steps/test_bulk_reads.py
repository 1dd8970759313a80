"""What a run reads when it resumes: many small records, several at a time, in their order, each once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from slomo_batch.attempts import ChunkTask
from slomo_batch.commands.gc import find_garbage
from slomo_batch.commands.ledger_parts import compact_ledger, ledger_of
from slomo_batch.commands.triage import triage
from slomo_batch.errors import OutputInvalid, WorkDamaged
from slomo_batch.plan.ids import receipt_id
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.plans import Chunk
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import VideoFailed
from slomo_batch.report.ledger import LedgerWriter, read_ledger
from slomo_batch.settings import Chunks
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import open_video
from slomo_batch.steps.stitch import stitch_video
from slomo_batch.steps.stored_records import READS_AHEAD, put_record
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.clips.catalogue import clip
from tests.memory_store import MemoryStore
from tests.scale.products import chunk_done
from tests.steps.test_changed_source import PIN, requested

NUM_RECORDS = 2 * READS_AHEAD
WAIT_S = 20


class Meeting(MemoryStore):
    """A store in which a GET of a key in `folder` waits until READS_AHEAD of them are in flight.

    A second GET of the same key does not wait, nor one of a key that does not exist.
    """

    def __init__(self) -> None:
        super().__init__()
        self._root = Uri.on_s3("bucket", "work")  # records of a local store are read one after the other
        self.folder = ""
        self.reads: Counter[str] = Counter()
        self._all_here = Barrier(READS_AHEAD)

    def get(self, key: str) -> bytes:
        """Read one object whole."""
        data = super().get(key)
        if self.folder and key.startswith(self.folder):
            self.reads[key] += 1
            if self.reads[key] == 1:
                self._all_here.wait(WAIT_S)
        return data


@pytest.fixture
def work() -> Meeting:
    return Meeting()


@pytest.fixture
def context(work: Meeting, tmp_path: Path) -> StepContext:
    return replace(open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job")), work=work)


@pytest.fixture
def request_(context: StepContext, tmp_path: Path) -> VideoRequest:
    """A video with a chunk for each pair of frames."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("no_audio").data)
    request = requested(source, context)
    return replace(request, settings=replace(request.settings, chunks=Chunks(pairs=1)))


def _commit(stored: StoredPlan, chunk: Chunk, context: StepContext) -> ChunkDone:
    task = ChunkTask.of(stored.plan, chunk, lane="copy", attempt="first")
    key = context.layout.segment(stored.plan.video_id, chunk.chunk_id, "first", ".nut")
    context.work.put(key, b"frames")
    num_frames = chunk.end_frame - chunk.first_frame
    done = replace(chunk_done(task, "here"), segment_key=key, size_bytes=6, num_frames=num_frames)
    done = replace(done, frame_hashes=done.frame_hashes[:1] * num_frames)
    return VideoRecords(stored.plan.video_id, context).commit_chunk(chunk, done)


@pytest.fixture
def stored(request_: VideoRequest, work: Meeting, context: StepContext) -> StoredPlan:
    """Its plan, with the first 2 * READS_AHEAD chunks committed. From now on reads of commits meet."""
    stored = open_video(request_, PIN, context, remake=False).stored
    for chunk in stored.chunks[:NUM_RECORDS]:
        _commit(stored, chunk, context)
    work.folder = context.layout.commits(stored.plan.video_id)
    return stored


def _key(stored: StoredPlan, index: int, context: StepContext) -> str:
    return context.layout.commit(stored.plan.video_id, stored.chunks[index].chunk_id)


def test_commits_are_read_several_at_a_time(
    request_: VideoRequest, stored: StoredPlan, work: Meeting, context: StepContext
) -> None:
    opened = open_video(request_, PIN, context, remake=False)
    assert opened.existing.done == set(range(NUM_RECORDS))
    assert work.reads == Counter({_key(stored, index, context): 1 for index in range(NUM_RECORDS)})


def test_damaged_commits_are_noted_in_the_order_of_their_chunks(
    request_: VideoRequest, stored: StoredPlan, work: Meeting, context: StepContext
) -> None:
    damaged = [_key(stored, index, context) for index in (3, 20)]
    for key in reversed(damaged):
        work.put(key, b"{}")
    opened = open_video(request_, PIN, context, remake=False)
    assert opened.existing.done == set(range(NUM_RECORDS)) - {3, 20}
    assert [key in note for key, note in zip(damaged, opened.notes, strict=True)] == [True, True]
    assert {key for key, number in work.reads.items() if number > 1} == set(damaged), "read again before a deletion"


def test_a_stitch_reads_commits_several_at_a_time(stored: StoredPlan, work: Meeting, context: StepContext) -> None:
    with pytest.raises(WorkDamaged, match="a chunk is not committed"):
        stitch_video(stored, "copy", context, exists="skip")
    assert set(work.reads.values()) == {1}
    assert {_key(stored, index, context) for index in range(NUM_RECORDS)} <= work.reads.keys()


def test_garbage_is_told_from_committed_segments_by_several_reads_at_a_time(
    stored: StoredPlan, work: Meeting, context: StepContext
) -> None:
    video_id = stored.plan.video_id
    lost = context.layout.segment(video_id, stored.chunks[0].chunk_id, "second", ".nut")
    work.put(lost, b"frames")
    assert [key for garbage in find_garbage(context) for key in garbage.keys if "segments/" in key] == [lost]


def test_reasons_of_failed_videos_are_read_several_at_a_time_and_keep_their_order(
    request_: VideoRequest, work: Meeting, context: StepContext
) -> None:
    requests = [replace(request_, output_uri=Uri(f"{request_.output_uri}.{n}")) for n in range(NUM_RECORDS)]
    for number, request in enumerate(requests):
        key = context.layout.failure(1, receipt_id(request, PIN.weights_name(request.settings)))
        put_record(work, key, VideoFailed.of(request, OutputInvalid(f"reason {number}", where="here")))
    work.folder = context.layout.failures
    waiting = triage(requests, PIN, context, retry_failed=False).waiting
    assert [failed.output_uri for failed in waiting] == [request.output_uri for request in requests]
    assert set(work.reads.values()) == {1}
    assert len(work.reads) == NUM_RECORDS


def test_parts_of_the_ledger_are_read_several_at_a_time_and_keep_their_order(
    work: Meeting, context: StepContext
) -> None:
    layout = context.layout
    writer = LedgerWriter(
        lambda part, data: work.put(layout.ledger_part(1, part), data), lambda: 1.0, job="job", epoch=1
    )
    for number in range(NUM_RECORDS):
        writer.failed(VideoFailed(source_uri=f"{number}.mov", output_uri="", error="SourceUnreadable", reason="no"))
    work.folder = layout.ledger
    ledger = ledger_of(context)
    assert ledger["source_uri"].to_pylist() == [f"{number}.mov" for number in range(NUM_RECORDS)]
    work.folder = ""
    compact_ledger(work, layout, 1)
    [whole] = work.list(layout.ledger)
    assert read_ledger([work.get(whole.key)]).equals(ledger)
