"""InFlight: the chunks and tasks that run, and whether there is room for one more task. Pure."""

from slomo_batch.attempts import ChunkHead, StepHead
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.limits import Limits
from slomo_batch.scheduler.messages import MakeChunk, Split, Step, Task

_TaskId = tuple[int, Step, Lane | None]
"""Video, step, and the lane of a split, which may still be running after the video left it."""


class InFlight:
    """What runs, by what was started and what was reported to have ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._chunks: set[tuple[int, Lane, int]] = set()
        self._tasks: set[_TaskId] = set()
        self._num_stitches = 0

    def __bool__(self) -> bool:
        return bool(self._chunks or self._tasks)

    @property
    def num_chunks(self) -> int:
        """Chunks that run."""
        return len(self._chunks)

    @property
    def num_tasks(self) -> int:
        """Tasks that run."""
        return len(self._tasks)

    @property
    def steps(self) -> list[Step]:
        """The step of each task that runs."""
        return [step for _, step, _ in self._tasks]

    def has_room(self, step: Step, *, most_stitches: int, num_held: int) -> bool:
        """Whether a task of this step may start, if `num_held` chunk objects wait or are being stored."""
        if step == "stitch":
            return self._num_stitches < min(most_stitches, self._limits.max_stitches)
        if len(self._tasks) - self._num_stitches >= self._limits.max_splits:
            return False
        return step != "split" or num_held < self._limits.max_ready_chunks

    def begin_task(self, task: Task) -> None:
        """A task starts."""
        self._tasks.add((task.video, task.step, task.lane if isinstance(task, Split) else None))
        self._num_stitches += task.step == "stitch"

    def end_open(self, video: int) -> None:
        """The open of a video ended."""
        self._end_task((video, "open", None))

    def end_task(self, head: StepHead) -> None:
        """An attempt at a step ended."""
        self._end_task((head.video, head.step, head.lane if head.step == "split" else None))

    def _end_task(self, task: _TaskId) -> None:
        if task in self._tasks:
            self._tasks.remove(task)
            self._num_stitches -= task[1] == "stitch"

    def begin_chunk(self, chunk: MakeChunk) -> None:
        """An attempt at a chunk starts."""
        self._chunks.add((chunk.video, chunk.lane, chunk.chunk))

    def end_chunk(self, head: ChunkHead) -> bool:
        """An attempt at a chunk ended; False if none ran."""
        key = head.video, head.lane, head.chunk
        if key not in self._chunks:
            return False
        self._chunks.remove(key)
        return True
