"""OpenVideo: the state of one open video, and which task it wants next. It knows no other videos and no limits.

A chunk is in one place at a time: missing (no object), waiting, isolated (waiting for a machine to itself), delayed
(waiting for its back-off), running, or counted as done.
"""

from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Literal

from slomo_batch.attempts import Failed, Lost
from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.delays import Delayed
from slomo_batch.scheduler.messages import MakeAudio, MakeChunk, MakeSurvey, Open, Split, Step, Stitch, Task, What
from slomo_batch.scheduler.retry import GiveUp, Retry, Tries, after_step_error, after_step_loss, backoff_s

STEPS: tuple[Step, ...] = ("stitch", "sound", "split", "survey", "open")
"""By urgency: the step nearest to an output goes first."""


@dataclass(slots=True, kw_only=True)
class StepState:
    """One kind of task of one video."""

    running: bool = False
    failures: int = 0
    losses: int = 0
    """Processes lost for a known reason while they held the task."""
    outages: int = 0
    """Attempts that failed because the store was away or overloaded."""
    is_resting: bool = False
    """Waiting for its back-off."""

    def fail(self, attempt: Failed, *, retryable: bool, max_attempts: int, jitter: float) -> Retry | GiveUp:
        """Count a failed attempt, and return what follows from it."""
        if isinstance(attempt, Lost) and attempt.explained:
            self.losses += 1
            return after_step_loss(self.losses)
        self.failures += 1
        retryable = retryable and not attempt.wants_decode_lane
        return after_step_error(self.failures, retryable=retryable, max_attempts=max_attempts, jitter=jitter)

    def wait_for_store(self, *, jitter: float) -> Retry:
        """Count an attempt that failed because the store was away or overloaded, and return what follows from it."""
        self.outages += 1
        return Retry(after_s=backoff_s(self.outages, jitter=jitter))


class OpenVideo:
    """The state of one video between VideoFound and its end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lane: Lane = "copy"
        self.steps: dict[Step, StepState] = {step: StepState() for step in STEPS}
        self.tries: dict[int, Tries] = {}
        self.num_surveys = 0
        """Surveys that were made since the video was last open."""
        self._is_open = False
        self._needs_survey = False
        self._audio: Literal["none", "wanted", "stored", "made"] = "none"
        self._num_chunks = 0
        self._num_done = 0
        self._missing: set[int] = set()
        self._asked: set[int] = set()
        """Chunks that the running split will store and has not reported yet."""
        self._asked_audio = False
        """Whether the running split stores the audio packets."""
        self._delayed: set[int] = set()
        self._waiting: list[int] = []
        self._isolated: list[int] = []

    @property
    def num_unmade(self) -> int:
        """Chunks that are not done yet."""
        return self._num_chunks - self._num_done

    @property
    def num_ready(self) -> int:
        """Chunks whose objects exist and that are neither done nor running."""
        return len(self._waiting) + len(self._isolated) + len(self._delayed)

    @property
    def num_missing(self) -> int:
        """Chunks whose objects do not exist yet."""
        return len(self._missing)

    @property
    def num_delayed(self) -> int:
        """Chunks that failed and wait for their back-off."""
        return len(self._delayed)

    @property
    def num_held(self) -> int:
        """Chunk objects of unmade chunks, those that the running split will store included."""
        return self.num_ready + (len(self._missing) if self.steps["split"].running else 0)

    @property
    def num_foreseen(self) -> int:
        """Chunks that can run soon: those that the running split will store. A video that is about to be opened or
        split has one at least."""
        if self.steps["split"].running:
            return len(self._missing)
        is_about_to = bool(self._missing) if self._is_open else not self._needs_survey
        return int(is_about_to)

    @property
    def has_waiting(self) -> bool:
        """True if a chunk could run now on a shared machine. None can before the video is opened again."""
        return self._is_open and bool(self._waiting)

    @property
    def has_isolated(self) -> bool:
        """True if an isolated chunk could run now."""
        return self._is_open and bool(self._isolated)

    @property
    def is_trusted(self) -> bool:
        """True if no more chunks are running than are made. Another one then risks little, whatever is wrong with the
        video."""
        return self._num_running <= self._num_done

    @property
    def _num_running(self) -> int:
        return self.num_unmade - self.num_ready - self.num_missing

    def wants(self, step: Step) -> bool:
        """True if this task could start now, limits aside."""
        if self.steps[step].running or self.steps[step].is_resting:
            return False
        if not self._is_open:
            return step == ("survey" if self._needs_survey else "open") and self._is_quiet
        if step in {"open", "survey"}:
            return False
        if step == "split":
            return bool(self._missing) or self._audio == "wanted"
        if step == "sound":
            return self._audio == "stored"
        return self.num_unmade == 0 and self._audio in {"none", "made"}

    @property
    def _is_quiet(self) -> bool:
        """True if nothing of the video runs. It is opened only then, because that counts what exists of it."""
        return self._num_running == 0 and not any(state.running for state in self.steps.values())

    def begin(self, step: Step) -> Task:
        """Return the task, which counts as running from now on."""
        self.steps[step].running = True
        if step == "open":
            return Open(video=self.number)
        if step == "survey":
            return MakeSurvey(video=self.number)
        if step == "split":
            audio = self._audio == "wanted"
            self._asked, self._asked_audio = set(self._missing), audio
            return Split(video=self.number, lane=self.lane, wanted=frozenset(self._missing), audio=audio)
        if step == "sound":
            return MakeAudio(video=self.number)
        return Stitch(video=self.number, lane=self.lane)

    def opened(self, existing: ExistingWork) -> None:
        """Start from what exists of the planned video."""
        self.steps["open"].running = False
        self._is_open = True
        self.num_surveys = 0
        if existing.lane != self.lane:  # the delays of the other lane end without an event
            self.steps["split"].is_resting = self.steps["stitch"].is_resting = False
        self.lane = existing.lane
        self._audio = "wanted" if existing.needs_audio else "none"
        self._num_chunks, self._num_done = existing.num_chunks, len(existing.done)
        self._missing = set(range(existing.num_chunks)) - existing.done - existing.ready
        self._waiting, self._isolated, self._delayed = [], [], set()
        for chunk in existing.ready - existing.done:
            self._may_run(chunk)

    def needs_survey(self) -> None:
        """Record that the video can be planned only after a survey."""
        self.steps["open"].running = False
        self._needs_survey = True

    def survey_made(self) -> None:
        """Record that the survey is committed: the video is opened again."""
        self.steps["survey"].running = False
        self._needs_survey = False
        self.num_surveys += 1

    def chunk_ready(self, chunk: int) -> None:
        """Record that a missing object is stored."""
        self._asked.discard(chunk)
        if chunk in self._missing:
            self._missing.remove(chunk)
            self._may_run(chunk)

    def split_finished(self) -> frozenset[int]:
        """Record that the split ended. Returns the chunks that it should have stored and never reported."""
        self.steps["split"].running = False
        if self._audio == "wanted" and self._asked_audio:
            self._audio = "stored"
        return frozenset(self._missing & self._asked)

    def audio_made(self) -> None:
        """Record that the audio is committed."""
        self.steps["sound"].running = False
        self._audio = "made"

    def begin_chunk(self, *, isolated: bool) -> MakeChunk:
        """Return the lowest chunk that waits, or that waits isolated; it counts as running from now on."""
        chunk = heappop(self._isolated if isolated else self._waiting)
        tries = self.tries.get(chunk, Tries())
        return MakeChunk(
            video=self.number,
            lane=self.lane,
            chunk=chunk,
            attempt_number=tries.next_attempt,
            isolated=isolated,
            avoid=tries.failed_on,
        )

    def chunk_made(self, chunk: int) -> None:
        """Record that a running chunk is done."""
        self.tries.pop(chunk, None)
        self._num_done += 1

    def delay(self, chunk: int, tries: Tries) -> None:
        """Record that a running chunk failed and waits for its back-off."""
        self.tries[chunk] = tries
        self._delayed.add(chunk)

    def release(self, delayed: Delayed) -> None:
        """Let a delayed chunk or step run again, unless the video left its lane."""
        kind = delayed.what[0]
        if kind in {"chunk", "split", "stitch"} and self.lane != delayed.lane:
            return
        match delayed.what:
            case ("chunk", chunk):
                if chunk in self._delayed:
                    self._delayed.remove(chunk)
                    self._may_run(chunk)
            case (step, _):
                self.steps[step].is_resting = False

    def take_failure_back(self, what: What) -> None:
        """Do not count the last failure of a chunk or step any more: the store was to blame."""
        match what:
            case ("chunk", chunk):
                tries = self.tries.get(chunk)
                if tries and tries.errors:
                    self.tries[chunk] = replace(tries, errors=tries.errors - 1, outages=tries.outages + 1)
            case (step, _):
                self.steps[step].failures = max(0, self.steps[step].failures - 1)

    def _may_run(self, chunk: int) -> None:
        heappush(self._isolated if self.tries.get(chunk, Tries()).isolated else self._waiting, chunk)

    def lose_object(self, chunk: int, tries: Tries) -> None:
        """Record that a running chunk failed because its object is gone; the next split stores it again."""
        self.tries[chunk] = tries
        self._missing.add(chunk)

    def lose_input(self, step: Step) -> None:
        """Record that the input of a step is gone. The audio packets are stored again; before a split or a stitch the
        video is opened again, since what the step reads may have to be made again."""
        if step == "sound":
            self._audio = "wanted"
        elif step in {"split", "stitch"}:
            self._is_open = False

    def change_lane(self) -> None:
        """Start all chunks again in the decode lane. What still runs in the copy lane no longer counts."""
        self.lane = "decode"
        self._is_open = True  # opened again now, it would be found in the copy lane
        self.steps["split"] = StepState()
        self.steps["stitch"] = StepState()
        self.tries.clear()
        self._missing = set(range(self._num_chunks))
        self._num_done = 0
        self._waiting, self._isolated, self._delayed = [], [], set()
