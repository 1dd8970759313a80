"""VirtualEngine: an engine whose calls take only simulated time. The outcomes of calls follow from the models.

The real Driver, Dispatch and Placement run on it; nothing here decides where or when work runs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from random import Random

from slomo_batch.attempts import Errored, FramesMade, Lost, Succeeded
from slomo_batch.errors import FrameMissing, StorageBusy
from slomo_batch.plan.needs import Needs
from slomo_batch.scheduler.abilities import Abilities
from slomo_batch.scheduler.calls import Call, ChunkCall, is_end
from slomo_batch.scheduler.chunk_worker import work_of
from slomo_batch.scheduler.limits import COUNT_CPUS_S, steps_in_flight
from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.second_attempts import SecondAttempts, UsualSeconds
from slomo_batch.scheduler.worker_pool import LATE_CHECK_S
from tests.scale import products
from tests.scale.agenda import Agenda, Came
from tests.scale.committed import Committed
from tests.scale.models import Archive, Life, Models
from tests.scale.virtual_steps import VirtualSteps


@dataclass(frozen=True, slots=True)
class _Held:
    call: ChunkCall
    since_s: float


@dataclass(slots=True, eq=False)
class _Worker:
    machine: "_Machine"
    place: int
    """Its number on its machine."""
    speed: float
    free_s: float = 0.0
    """The time at which it finishes all its chunks."""
    held: dict[int, _Held] = field(default_factory=dict)
    """By the identity of the call."""


@dataclass(slots=True, eq=False)
class _Machine:
    number: int
    life: Life
    requested_s: float
    workers: dict[int, _Worker] = field(default_factory=dict)
    """Workers that are up, by place."""
    has_ended: bool = False

    @property
    def name(self) -> str:
        return f"machine {self.number}"


class VirtualEngine:
    """See Engine; `now_s` is its clock."""

    def __init__(self, models: Models, archive: Archive, committed: Committed) -> None:
        self._models, self._archive, self._committed = models, archive, committed
        self._chance = Random(models.seed)
        self._agenda = Agenda()
        self.seen: Counter[str] = Counter()
        """Counts of events, for the report."""
        self._steps = VirtualSteps(models, archive, committed, self._agenda, seen=self.seen, errs=self._errs)
        self._placement: Placement[_Worker, ChunkCall] = Placement(slots=models.slots)
        self._machines: dict[int, _Machine] = {}
        self._lives: Counter[int] = Counter()
        self._resting = list(range(models.num_machines - 1, -1, -1))
        self._leaving: set[str] = set()
        self._max_steps = 0
        self._num_chunks = 0
        """Chunk calls that have not ended."""
        self._seconds = SecondAttempts()
        self._usual = UsualSeconds()
        self._late_check_due_s = 0.0
        self._count_due_s = 0.0
        self.num_workers = 0
        if models.begins == "one up":
            self._request(self._resting.pop())
            self.outcomes(0.0)

    @property
    def now_s(self) -> float:
        """The time on its clock."""
        return self._agenda.now_s

    # ---- Engine ----------------------------------------------------------------------------------------------------

    @property
    def task_room(self) -> int:
        if self.now_s >= self._count_due_s:
            self._count_due_s = self.now_s + COUNT_CPUS_S
            self._max_steps = steps_in_flight(self._steps.num_cpus, self._models.num_workers)
        return self._max_steps - self._steps.num_in_flight

    def chunk_room(self, num_ready: int) -> int:
        return self._placement.room_for(num_ready)

    @property
    def isolated_room(self) -> int:
        return self._placement.isolated_room

    @property
    def num_pending(self) -> int:
        return 0

    @property
    def num_machines(self) -> int:
        return sum(bool(machine.workers) for machine in self._machines.values())

    @property
    def num_slots(self) -> int:
        return self.num_workers * self._models.slots

    @property
    def waiting_s(self) -> Mapping[Step, float]:
        return {}  # not modeled

    def start(self, call: Call) -> None:
        self._num_chunks += isinstance(call, ChunkCall)
        if not isinstance(call, ChunkCall):
            self._steps.start(call)
        elif call.order.isolated:
            self.seen["isolated"] += 1
            self._placement.reserve(call, avoid=call.order.avoid)
        else:
            self._make(call, self._placement.take())

    def outcomes(self, timeout_s: float) -> Came:
        for chunk, worker in self._placement.cleared():
            self._make(chunk, worker)
        came = self._seconds.those_that_count(self._agenda.next(timeout_s))
        self._num_chunks -= sum(isinstance(call, ChunkCall) and is_end(outcome) for call, outcome in came)
        return came

    def scale(self, demand: int, foreseen: int = 0) -> None:
        models = self._models
        self._start_second_attempts(demand - self._num_chunks + foreseen)
        workers = min(models.num_workers, ceil((demand + foreseen) / models.slots))
        while self._resting and len(self._machines) * models.workers_per_machine < workers:
            self._request(self._resting.pop())
        self._steps.request_machines()

    @property
    def first_abilities(self) -> Abilities | None:
        return Abilities(precision="fp32") if self.num_workers else None

    def check_that_a_worker_can_start(self) -> None:
        """A machine always starts."""

    def require(self, needs: Needs) -> None:
        """All machines can do everything."""

    def take_notes(self, *, at_end: bool) -> list[str]:  # noqa: ARG002 a note here waits for nothing
        return []  # the simulated machines have nothing to report

    def close(self) -> None:
        """Nothing to release."""

    # ---- machines --------------------------------------------------------------------------------------------------

    def _request(self, number: int) -> None:
        life = Life.of(self._models, number, self._lives[number])
        self._lives[number] += 1
        machine = self._machines[number] = _Machine(number=number, life=life, requested_s=self.now_s)
        self._agenda.at(self.now_s + life.up_s, partial(self._up, machine))
        if life.notice_s < life.end_s:
            self._agenda.at(self.now_s + life.notice_s, partial(self._notice, machine))
        self._agenda.at(self.now_s + life.end_s, partial(self._preempt, machine))

    def _up(self, machine: _Machine) -> Came:
        for place, deaths_s in enumerate(machine.life.deaths_s):
            self._load(machine, place)
            for death_s in deaths_s:
                self._agenda.at(machine.requested_s + death_s, partial(self._process_dies, machine, place))
        self._steps.add_cpus(self._models.cpus_per_machine)
        return []

    def _load(self, machine: _Machine, place: int) -> Came:
        if not machine.has_ended and place not in machine.workers:
            worker = _Worker(machine=machine, place=place, speed=machine.life.speeds[place])
            machine.workers[place] = worker
            self.num_workers += 1
            self._steps.add_cpus(-1)
            self._placement.up(worker, machine.name)
        return []

    def _notice(self, machine: _Machine) -> Came:
        self._leaving = {*self._leaving, machine.name}
        self._placement.leave(self._leaving)
        return []

    def _preempt(self, machine: _Machine) -> Came:
        self.seen["machines preempted"] += 1
        machine.has_ended = True
        self._steps.add_cpus(-self._models.cpus_per_machine)
        came = [lost for worker in list(machine.workers.values()) for lost in self._lose(worker, explained=True)]
        self._leaving = self._leaving - {machine.name}
        self._placement.leave(self._leaving)
        del self._machines[machine.number]
        self._resting.append(machine.number)
        return came

    def _process_dies(self, machine: _Machine, place: int) -> Came:
        worker = machine.workers.get(place)
        if worker is None:
            return []
        self.seen["processes died"] += 1
        self._agenda.at(self.now_s + self._models.reload_s, partial(self._load, machine, place))
        return self._lose(worker, explained=False)

    def _lose(self, worker: _Worker, *, explained: bool) -> Came:
        del worker.machine.workers[worker.place]
        self.num_workers -= 1
        self._steps.add_cpus(1)
        self._placement.gone(worker)
        self.seen["chunks lost"] += len(worker.held)
        cause, machine = "preempted" if explained else "died", worker.machine.name
        came: Came = [
            (call, Lost(head=call.head, explained=explained, cause=cause, machine=machine))
            for call in (held.call for held in worker.held.values())
        ]
        worker.held.clear()
        return came

    # ---- second attempts, as the pool of the real engine has them ----------------------------------------------------

    def _start_second_attempts(self, num_awaited: int) -> None:
        num_free = self._placement.num_idle - num_awaited
        if num_free <= 0 or self.now_s < self._late_check_due_s:
            return
        self._late_check_due_s = self.now_s + LATE_CHECK_S
        held = [(held, worker) for worker in self._busy() for held in worker.held.values() if self._is_late(held)]
        for late, worker in sorted(held, key=lambda late: late[0].since_s)[:num_free]:
            other = self._placement.take_idle(beside=worker.machine.name)
            if other is not None:
                self.seen["second attempts"] += 1
                self._make(self._seconds.begin(late.call), other)

    def _busy(self) -> Iterator[_Worker]:
        return (worker for machine in self._machines.values() for worker in machine.workers.values())

    def _is_late(self, held: _Held) -> bool:
        took_s = self.now_s - held.since_s
        return self._seconds.may_have_one(held.call) and self._usual.is_late(work_of(held.call.task), took_s)

    # ---- chunks ----------------------------------------------------------------------------------------------------

    def _make(self, call: ChunkCall, worker: _Worker) -> None:
        video = products.number_of(call.task.plan.request)
        seconds = self._archive.work_of(video, call.task.chunk.index) / worker.speed
        if self._chance.random() < self._models.straggling:
            self.seen["stragglers"] += 1
            seconds *= self._models.straggling_factor
        began_s = max(self.now_s, worker.free_s)
        worker.free_s = began_s + seconds
        worker.held[id(call)] = _Held(call, self.now_s)
        if self._models.report_s:
            for number in range(1, int(seconds / self._models.report_s) + 1):
                share = number * self._models.report_s / seconds
                self._agenda.at(began_s + share * seconds, partial(self._report, worker, call, share))
        kills = video in self._archive.poison and call.task.chunk.index == 0
        self._agenda.at(worker.free_s, partial(self._kill if kills else self._made, worker, call))

    def _report(self, worker: _Worker, call: ChunkCall, share: float) -> Came:
        return [(call, FramesMade(num_frames=int(products.FRAMES * share)))] if id(call) in worker.held else []

    def _kill(self, worker: _Worker, call: ChunkCall) -> Came:
        return self._process_dies(worker.machine, worker.place) if id(call) in worker.held else []

    def _made(self, worker: _Worker, call: ChunkCall) -> Came:
        held = worker.held.pop(id(call), None)
        if held is None:
            return []
        self._placement.freed(worker)
        self._usual.made(work_of(call.task), self.now_s - held.since_s)
        task = call.task
        video = products.number_of(task.plan.request)
        if video in self._archive.undecodable and task.head.lane == "copy" and task.chunk.index == 0:
            return [(call, Errored(head=call.head, error=FrameMissing("not all frames came")))]
        if self._errs():
            return [(call, Errored(head=call.head, error=StorageBusy("slow down")))]
        if task.head.lane == "copy":
            self._committed.chunks[video].add(task.chunk.index)
        return [
            (
                call,
                Succeeded(head=call.head, result=products.chunk_done(task, worker.machine.name), stats=products.STINT),
            )
        ]

    def _errs(self) -> bool:
        strikes = self._chance.random() < self._models.errors
        self.seen["errors"] += strikes
        return strikes
