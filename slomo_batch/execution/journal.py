"""Journal: everything a run has to tell, told in one place: to the ledger, to `status`, and to whoever watches."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from slomo_batch.documents import to_json
from slomo_batch.progress import (
    ChunkFinished,
    ChunkRetried,
    Display,
    Failure,
    JobStatus,
    Note,
    Snapshot,
    VideoOpened,
    VideoPublished,
)
from slomo_batch.records import ChunkDone, ChunkFailed, Published, VideoFailed
from slomo_batch.steps.open import Opened
from slomo_batch.storage.layout import Layout
from slomo_batch.storage.store import ObjectStore
from slomo_batch.tables.ledger import LedgerWriter

SNAPSHOT_S = 1.0
PROGRESS_S = 5.0
"""Seconds between two writings of progress.json."""
RATE_WINDOW_S = 60.0
"""Frames per second are counted over this long."""
WAITING_S = 60.0
"""Seconds with chunks to make and no worker, after which a person is told."""
_WAITING = "no worker is up yet: the cluster must have, or be able to start, a machine with what one worker takes"
MAX_FAILURES_SHOWN = 100
"""Failures that progress.json names; the failure records name them all."""


@dataclass(slots=True)
class Tally:
    """Numbers of this run, over all its videos."""

    videos_total: int
    videos_skipped: int
    videos_published: int = 0
    videos_failed: int = 0
    chunks_total: int = 0
    chunks_done: int = 0
    frames_total: int = 0
    frames_done: int = 0
    frames_made: int = 0
    """Frames of the chunks that this very run committed."""

    @property
    def videos_done(self) -> int:
        """Published now or found published."""
        return self.videos_published + self.videos_skipped


@dataclass(slots=True)
class _Done:
    """How much of one open video is made."""

    chunks: int = 0
    frames: int = 0


class Journal:
    """Where a run writes down what became of chunks and videos."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        layout: Layout,
        ledger: LedgerWriter,
        display: Display,
        tally: Tally,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._layout, self._ledger, self._display = store, layout, ledger, display
        self.tally = tally
        self._clock = clock
        self._done: dict[str, _Done] = {}
        self._failures: deque[Failure] = deque(maxlen=MAX_FAILURES_SHOWN)
        self._made: deque[tuple[float, int]] = deque()
        self._began = self._snapshot_due = self._progress_due = clock()
        self._waiting_due = self._began + WAITING_S
        self._workers = 0

    # ---- what happened ---------------------------------------------------------------------------------------------

    def opened(self, opened: Opened) -> None:
        """A video is planned; part of it may be made already."""
        chunks, plan = opened.pinned.chunks, opened.pinned.plan
        done = [chunk for chunk in chunks if chunk.index in opened.done]
        self.tally.chunks_total += len(chunks)
        self.tally.frames_total += plan.grid.num_frames
        self._done[plan.video_id] = _Done()
        self._count(plan.video_id, len(done), sum(chunk.end_frame - chunk.first_frame for chunk in done))
        uri = plan.request.source.uri
        self._display.show(VideoOpened(uri=uri, num_chunks=len(chunks), num_frames=plan.grid.num_frames))

    def chunk_done(self, done: ChunkDone, source_uri: str) -> None:
        """A segment is committed."""
        self._count(done.video_id, 1, done.num_frames)
        self.tally.frames_made += done.num_frames
        self._made.append((self._clock(), done.num_frames))
        self._ledger.chunk(done, source_uri)
        self._display.show(ChunkFinished(uri=source_uri, num_frames=done.num_frames))

    def begun_anew(self, video_id: str) -> None:
        """A video changed its lane: what was made of it so far is void."""
        void = self._done.setdefault(video_id, _Done())
        self._count(video_id, -void.chunks, -void.frames)

    def _count(self, video_id: str, chunks: int, frames: int) -> None:
        done = self._done.setdefault(video_id, _Done())
        done.chunks, done.frames = done.chunks + chunks, done.frames + frames
        self.tally.chunks_done += chunks
        self.tally.frames_done += frames

    def chunk_failed(self, failed: ChunkFailed, source_uri: str) -> None:
        """An attempt at a chunk made nothing."""
        self._ledger.chunk_failed(failed, source_uri)
        self._display.show(ChunkRetried(uri=source_uri, index=failed.index, error=failed.error, reason=failed.reason))

    def published(self, published: Published) -> None:
        """An output stands."""
        self.tally.videos_published += 1
        self._done.pop(published.video_id, None)
        self._ledger.published(published)
        self._display.show(
            VideoPublished(
                uri=published.source.uri,
                output_uri=published.output_uri,
                num_frames=published.num_frames,
                size_bytes=published.size_bytes,
                notes=published.notes,
            )
        )

    def failed(self, failed: VideoFailed, receipt_id: str) -> None:
        """A video is given up; it waits for --retry-failed."""
        self.tally.videos_failed += 1
        self._store.put(self._layout.failure(receipt_id), to_json(failed))
        self._ledger.failed(failed)
        self._tell_failure(failed)

    def refused(self, failed: VideoFailed) -> None:
        """A video is not begun, for a reason that stands outside: it is looked at anew by every run."""
        self.tally.videos_failed += 1
        self._tell_failure(failed)

    def _tell_failure(self, failed: VideoFailed) -> None:
        self._failures.append(Failure(uri=failed.source_uri, error=failed.error, reason=failed.reason))
        self._display.show(failed)

    # ---- what stands -----------------------------------------------------------------------------------------------

    def tick(self, *, workers: int, demand: int) -> None:
        """Store what is due and show where the job stands; called often. `demand`: chunks that could be running."""
        now, self._workers = self._clock(), workers
        self._tell_of_waiting(now, is_waiting=demand > 0 and not workers)
        if self._ledger.due():
            self._ledger.flush()
        if now >= self._snapshot_due:
            self._snapshot_due = now + SNAPSHOT_S
            self._display.show(self._snapshot())
        if now >= self._progress_due:
            self._progress_due = now + PROGRESS_S
            self._write_progress("running")

    def _tell_of_waiting(self, now: float, *, is_waiting: bool) -> None:
        if not is_waiting:
            self._waiting_due = now + WAITING_S
        elif now >= self._waiting_due:
            self._waiting_due = now + WAITING_S
            self._display.show(Note(text=_WAITING))

    def close(self, *, finished: bool) -> None:
        """The last words of a run."""
        self._ledger.flush()
        self._display.show(self._snapshot())
        self._write_progress("finished" if finished else "interrupted")

    def _write_progress(self, state: Literal["running", "interrupted", "finished"]) -> None:
        tally = self.tally
        status = JobStatus(
            job=self._layout.name,
            state=state,
            videos_done=tally.videos_done,
            videos_failed=tally.videos_failed,
            videos_total=tally.videos_total,
            chunks_done=tally.chunks_done,
            chunks_total=tally.chunks_total,
            frames_done=tally.frames_done,
            updated=datetime.now(UTC).isoformat(timespec="seconds"),
            failures=tuple(self._failures),
        )
        self._store.put(self._layout.progress, to_json(status))

    def _snapshot(self) -> Snapshot:
        tally, rate = self.tally, self._frames_per_s()
        left = tally.frames_total - tally.frames_done
        opened = tally.videos_total - tally.videos_done - tally.videos_failed
        return Snapshot(
            videos_done=tally.videos_done,
            videos_failed=tally.videos_failed,
            videos_total=tally.videos_total,
            chunks_done=tally.chunks_done,
            chunks_total=tally.chunks_total,
            frames_done=tally.frames_done,
            frames_total=tally.frames_total,
            frames_per_s=rate,
            eta_s=left / rate if rate and opened else None,
            workers=self._workers,
        )

    def _frames_per_s(self) -> float:
        now = self._clock()
        while self._made and self._made[0][0] < now - RATE_WINDOW_S:
            self._made.popleft()
        if not self._made:
            return 0.0
        since = min(now - self._began, RATE_WINDOW_S)
        return sum(frames for _, frames in self._made) / max(since, 1e-3)
