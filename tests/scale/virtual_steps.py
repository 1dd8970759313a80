"""VirtualSteps: opens, splits, surveys, audio and stitches that take only simulated time, on CPUs that come and go.

The loss of a step's machine is not modeled.
"""

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from math import ceil

from slomo_batch.attempts import Errored, Succeeded
from slomo_batch.errors import StorageBusy
from slomo_batch.plan.stored_plan import SurveyWanted
from slomo_batch.scheduler.calls import (
    AudioCall,
    ChunkStored,
    OpenCall,
    Outcome,
    SplitCall,
    StitchCall,
    SurveyCall,
    TaskCall,
)
from tests.scale import products
from tests.scale.agenda import Agenda, Came
from tests.scale.committed import Committed
from tests.scale.models import Archive, Models, step_machine_up_s


class VirtualSteps:
    """The steps that wait for a CPU, and those that run on one. Machines that have workers lend it their other CPUs."""

    def __init__(
        self,
        models: Models,
        archive: Archive,
        committed: Committed,
        agenda: Agenda,
        *,
        seen: Counter[str],
        errs: Callable[[], bool],
    ) -> None:
        self._models, self._archive, self._committed, self._agenda = models, archive, committed, agenda
        self._seen, self._errs = seen, errs
        self._waiting: deque[TaskCall] = deque()
        self._num_running = 0
        self._num_cpus = 0
        self._num_requested = 0
        """Machines for steps that were requested."""
        self._surveyed: set[int] = set()

    @property
    def num_cpus(self) -> int:
        """CPUs that run steps or could."""
        return self._num_cpus

    @property
    def num_in_flight(self) -> int:
        """Steps that wait or run."""
        return len(self._waiting) + self._num_running

    def start(self, call: TaskCall) -> None:
        """Run a step as soon as a CPU is free."""
        self._waiting.append(call)
        self._begin()

    def add_cpus(self, number: int) -> None:
        """Run steps on that many more CPUs; on fewer, if it is negative, once those that run have ended."""
        self._num_cpus += number
        self._begin()

    def request_machines(self) -> None:
        """Request machines without workers for the steps that wait."""
        needed = ceil(len(self._waiting) / self._models.cpus_per_machine)
        for number in range(self._num_requested, min(needed, self._models.num_step_machines)):
            self._num_requested += 1
            self._agenda.at(self._agenda.now_s + step_machine_up_s(self._models, number), self._machine_up)

    def _machine_up(self) -> Came:
        self.add_cpus(self._models.cpus_per_machine)
        return []

    def _begin(self) -> None:
        while self._waiting and self._num_running < self._num_cpus:
            self._num_running += 1
            self._begin_one(self._waiting.popleft())

    def _begin_one(self, call: TaskCall) -> None:
        models, now_s = self._models, self._agenda.now_s
        match call:
            case SplitCall(wanted=wanted):
                self._split_on(call, sorted(wanted), 0, now_s)
            case SurveyCall(request=request):
                num_chunks = int(self._archive.num_chunks[products.number_of(request)])
                self._agenda.at(now_s + models.survey_s(num_chunks), partial(self._end, call))
            case StitchCall(stored=stored):
                self._agenda.at(now_s + models.stitch_s(len(stored.chunks)), partial(self._end, call))
            case _:
                self._agenda.at(now_s + models.step_s, partial(self._end, call))

    def _split_on(self, call: SplitCall, wanted: list[int], stored: int, begun_s: float) -> None:
        if stored == len(wanted):
            self._agenda.at(begun_s + self._models.split_s(stored), partial(self._end, call))
        else:
            at_s = begun_s + self._models.split_s(stored + 1)
            self._agenda.at(at_s, partial(self._stored, call, wanted, stored, begun_s))

    def _stored(self, call: SplitCall, wanted: list[int], stored: int, begun_s: float) -> Came:
        self._split_on(call, wanted, stored + 1, begun_s)
        return [(call, ChunkStored(index=wanted[stored]))]

    def _end(self, call: TaskCall) -> Came:
        self._num_running -= 1
        self._begin()
        if self._errs():
            return [(call, Errored(head=call.head, error=StorageBusy("slow down")))]
        return [(call, self._done(call))]

    def _done(self, call: TaskCall) -> Outcome:
        match call:
            case OpenCall():
                video = products.number_of(call.request)
                if video in self._archive.surveyed - self._surveyed:
                    return Succeeded(head=call.head, result=SurveyWanted(), stats=products.STINT)
                audio = bool(self._archive.has_audio[video]) and video not in self._committed.audio
                done = frozenset(self._committed.chunks[video])
                planned = products.opened(call, int(self._archive.num_chunks[video]), audio=audio, done=done)
                return Succeeded(head=call.head, result=planned, stats=products.STINT)
            case AudioCall():
                self._committed.audio.add(products.number_of(call.stored.plan.request))
                return Succeeded(head=call.head, result=products.audio_done(call.stored), stats=products.STINT)
            case StitchCall():
                video = products.number_of(call.stored.plan.request)
                assert video not in self._committed.published, "a video was published twice"
                self._committed.published.add(video)
                return Succeeded(head=call.head, result=products.published(call.stored), stats=products.STINT)
            case SurveyCall():
                self._seen["surveys"] += 1
                self._surveyed.add(products.number_of(call.request))
                return Succeeded(head=call.head, result=None, stats=products.STINT)
            case SplitCall():
                return Succeeded(head=call.head, result=None, stats=products.STINT)
