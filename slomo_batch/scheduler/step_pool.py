"""StepPool: the steps of a job that need no model, as Ray tasks.

A step that reports nothing for many times as long as any other of its kind (scheduler.step_timeouts) hangs: its process
is killed, and that counts as a failure of the step. A step that failed on a machine is tried on another one, if others
can work. A stitch goes where there is disk for it (scheduler.scratch_disk), a long one to a machine that stays
(scheduler.step_placement). A step that no process begins although a machine has room for it is taken back
(scheduler.room_watch).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from slomo_batch.attempts import Errored, Lost, Succeeded
from slomo_batch.cluster.demand import Resources
from slomo_batch.cluster.nodes import free_resources, name_of_node, nodes_for_steps
from slomo_batch.errors import ProgramFault, TooLittleDisk
from slomo_batch.scheduler.calls import Outcome, StitchCall, TaskCall, is_end
from slomo_batch.scheduler.excluded_machines import ExcludedMachines, with_machine
from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.parcel import Parcel
from slomo_batch.scheduler.room_watch import BEGIN_S, RoomWatch, Unbegun
from slomo_batch.scheduler.room_watch import LOOK_EVERY_S as ROOM_LOOK_S
from slomo_batch.scheduler.scratch_disk import LOOK_EVERY_S, ScratchDisk
from slomo_batch.scheduler.step_placement import placement_of
from slomo_batch.scheduler.step_task import Began, run_task
from slomo_batch.scheduler.step_timeouts import StepTimeouts
from slomo_batch.wiring import JobEnvironment


@dataclass(slots=True, eq=False)
class _RunningStep:
    """A step in flight."""

    call: TaskCall
    given_s: float
    """Since when it waits for a machine that begins it."""
    machine: str = ""
    """Empty until it runs: it waits for a CPU."""
    heard_s: float = 0.0
    """When it last reported something, or was started."""
    resources: Resources = field(default_factory=dict)
    """What it asked for besides a CPU."""
    kept_off: frozenset[str] = frozenset()
    """Machines on which Ray must not run it."""
    silent_s: float = 0.0
    """The longest time between two of its reports."""

    def hear(self, now_s: float) -> None:
        """Note that it reports something now."""
        self.silent_s = max(self.silent_s, now_s - self.heard_s)
        self.heard_s = now_s


Came = list[tuple[TaskCall, Outcome]]


class StepPool:
    """The steps in flight, and where steps failed."""

    def __init__(
        self,
        environment: JobEnvironment,
        excluded: ExcludedMachines,
        scratch: ScratchDisk,
        *,
        hang_s: float,
        clock: Callable[[], float],
    ) -> None:
        """No step counts as hanging before `hang_s` seconds. `clock` is monotonic."""
        self._environment = environment
        self._excluded = excluded
        self._scratch = scratch
        self._clock = clock
        self._timeouts = StepTimeouts(least_s=hang_s)
        self._steps: dict[Any, _RunningStep] = {}
        self._failed_on: dict[tuple[int, str], frozenset[str]] = {}
        """Machines by video and step, until the step succeeds."""
        self._lacked_disk: set[tuple[int, str]] = set()
        """Stitches that found too little disk when they ran last."""
        self._waiting: list[tuple[TaskCall, float]] = []
        """Stitches for which no machine has disk until another one ends, and since when they wait."""
        self._has_freed_disk = False
        self._look_due_s = 0.0
        self._refused: Came = []
        """Steps that no machine can run, and why."""
        self._room_watch = RoomWatch()
        self._room_due_s = 0.0

    def __len__(self) -> int:
        """Number of steps in flight."""
        return len(self._steps) + len(self._waiting)

    def __contains__(self, ref: Any) -> bool:
        return ref in self._steps

    @property
    def waited_s(self) -> float:
        """How long steps have waited for a machine; 0 if one runs, or none is in flight."""
        if not self._steps or self.nodes:
            return 0.0
        return self._clock() - min(step.heard_s for step in self._steps.values())

    @property
    def refs(self) -> list[Any]:
        """What to wait for; `collect` it when it is ready."""
        return list(self._steps)

    @property
    def nodes(self) -> set[str]:
        """Machines on which a step runs."""
        return {step.machine for step in self._steps.values() if step.machine}

    @property
    def waiting_s(self) -> Mapping[Step, float]:
        """For how many seconds the step of each kind waits that has waited longest for a machine to begin it; kinds of
        which none waits are left out."""
        given = [(step.call, step.given_s) for step in self._steps.values() if not step.machine]
        longest: dict[Step, float] = {}
        for call, given_s in (*given, *self._waiting):
            longest[call.head.step] = max(longest.get(call.head.step, 0.0), self._clock() - given_s)
        return longest

    def start(self, call: TaskCall) -> None:
        """Begin a step. It waits for a CPU, and for disk, if there is none."""
        self._start(call, self._clock())

    def _start(self, call: TaskCall, given_s: float) -> None:
        if _key(call) in self._lacked_disk and self._scratch.num_stitches and not self._others(call):
            self._waiting.append((call, given_s))
            return
        try:
            resources = self._scratch.request_for(call)
        except TooLittleDisk as error:
            self._refused.append((call, Errored(head=call.head, error=error)))
            return
        avoided = self._machines_to_avoid(call)
        options = placement_of(call, resources, avoid=avoided)
        ref = run_task.options(**options).remote(Parcel((self._environment, call)))
        self._steps[ref] = _RunningStep(call, given_s, heard_s=self._clock(), resources=resources, kept_off=avoided)

    def _machines_to_avoid(self, call: TaskCall) -> frozenset[str]:
        """The excluded machines, and those on which the step failed as long as there are others."""
        failed_on = self._failed_on.get(_key(call), frozenset())
        closed = self._excluded.closed_to_steps
        return closed | failed_on if failed_on and self._others(call) - closed else closed

    def _others(self, call: TaskCall) -> frozenset[str]:
        """Machines on which steps run and on which the step has not failed."""
        return nodes_for_steps() - self._excluded.names - self._failed_on.get(_key(call), frozenset())

    def collect(self, ref: Any) -> Came:
        """The next outcome of a step, by one of `refs` that is ready."""
        step = self._steps[ref]
        said = _next_report(ref, step)
        if isinstance(said, Began):
            step.machine, step.heard_s = said.machine, self._clock()
            self._scratch.began(step.call, step.machine)
            return []
        step.hear(self._clock())
        outcome = said
        if isinstance(said, Errored):
            outcome = self._excluded.attribute(self._scratch.blamed_on_stitches(said))
        if is_end(outcome):
            del self._steps[ref]
            self._ended(step, outcome)
        if isinstance(outcome, Errored) and isinstance(outcome.error, TooLittleDisk):
            outcome = self._without_disk(step, outcome)
        return [(step.call, outcome)]

    def _without_disk(self, step: _RunningStep, attempt: Errored) -> Errored | Lost:
        """What a lack of disk means: nothing for the step as long as it can run elsewhere, or later."""
        error, key = with_machine(attempt.error, step.machine), _key(step.call)
        if not self._others(step.call) and not self._scratch.num_stitches:
            self._failed_on.pop(key, None)
            return replace(attempt, error=error)
        self._lacked_disk.add(key)
        return Lost(head=attempt.head, explained=True, cause=str(error), machine=step.machine)

    def _ended(self, step: _RunningStep, outcome: Outcome) -> None:
        key = _key(step.call)
        self._scratch.ended(step.call, step.machine)
        lacked_disk = isinstance(outcome, Errored) and isinstance(outcome.error, TooLittleDisk)
        self._has_freed_disk |= isinstance(step.call, StitchCall) and not lacked_disk
        if isinstance(outcome, Succeeded):
            self._timeouts.ended(step.call, step.silent_s)
            self._failed_on.pop(key, None)
            self._lacked_disk.discard(key)
            self._excluded.reached_store(step.machine)
        elif step.machine and not (isinstance(outcome, Lost) and outcome.explained):
            self._failed_on[key] = self._failed_on.get(key, frozenset()) | {step.machine}

    def take_back(self) -> Came:
        """Kill steps that hang, and report them as lost. Call it after `collect`: what is ready comes first."""
        self._start_waiting()
        self._refuse_hopeless()
        came, self._refused = self._refused, []
        for ref in [ref for ref, step in self._steps.items() if self._hangs(step)]:
            while ref in self._steps and ray.wait([ref], timeout=0)[0]:
                came += self.collect(ref)
            if ref in self._steps and self._hangs(self._steps[ref]):
                came.append(self._kill(ref))
        return [*came, *self._take_back_unbegun()]

    def _take_back_unbegun(self) -> Came:
        """Take back steps that no process begins although a machine has room for them. It is not known which one, so
        none is blamed."""
        now_s, came = self._clock(), list[tuple[TaskCall, Outcome]]()
        if now_s < self._room_due_s:
            return came
        self._room_due_s = now_s + ROOM_LOOK_S
        unbegun = {
            ref: Unbegun(needs={"CPU": 1.0, **step.resources}, kept_off=step.kept_off)
            for ref, step in self._steps.items()
            if not step.machine
        }
        for ref in self._room_watch.overdue(unbegun, free_resources(for_steps=True) if unbegun else {}, now_s):
            while ref in self._steps and ray.wait([ref], timeout=0)[0]:
                came += self.collect(ref)
            if ref in self._steps and not self._steps[ref].machine:
                call = self._steps.pop(ref).call
                ray.cancel(ref, force=True)
                cause = f"no process began it within {BEGIN_S:.0f} s although a machine had room for it"
                came.append((call, Lost(head=call.head, explained=True, cause=cause)))
        return came

    def _start_waiting(self) -> None:
        """Start the stitches that waited for disk, if there may be some."""
        if self._waiting and (self._has_freed_disk or not self._scratch.num_stitches):
            waiting, self._waiting = self._waiting, []
            for call, given_s in waiting:
                self._lacked_disk.discard(_key(call))
                self._failed_on.pop(_key(call), None)
                self._start(call, given_s)
        self._has_freed_disk = False

    def _refuse_hopeless(self) -> None:
        """Refuse stitches that wait for a disk which no machine will have."""
        waiting = {ref: step for ref, step in self._steps.items() if step.resources and not step.machine}
        if not waiting or self._clock() < self._look_due_s:
            return
        self._look_due_s = self._clock() + LOOK_EVERY_S
        for ref, step in waiting.items():
            error = self._scratch.refusal(step.call, step.resources, self._clock() - step.heard_s)
            if error is not None:
                del self._steps[ref]
                ray.cancel(ref, force=True)
                self._refused.append((step.call, Errored(head=step.call.head, error=error)))

    def _hangs(self, step: _RunningStep) -> bool:
        return bool(step.machine) and self._clock() - step.heard_s > self._timeouts.limit_s(step.call)

    def _kill(self, ref: Any) -> tuple[TaskCall, Outcome]:
        step = self._steps.pop(ref)
        ray.cancel(ref, force=True)
        took_s = self._clock() - step.heard_s
        cause = f"it did not respond for {took_s:.0f} s on {name_of_node(step.machine)} and was killed"
        outcome = Lost(head=step.call.head, explained=False, cause=cause, machine=step.machine)
        self._ended(step, outcome)
        return step.call, outcome

    def close(self) -> None:
        """Kill all steps."""
        for ref in self._steps:
            ray.cancel(ref, force=True)
        self._steps.clear()
        self._waiting.clear()


def _key(call: TaskCall) -> tuple[int, str]:
    return call.head.video, call.head.step


def _next_report(ref: Any, step: _RunningStep) -> Outcome | Began:
    """The next thing that a step reports. A generator that ends without a result was lost."""
    try:
        said: Outcome | Began = ray.get(next(ref))
    except StopIteration:
        cause = "the task ended without a result"
        return Lost(head=step.call.head, explained=False, cause=cause, machine=step.machine)
    except RayError as error:
        return failure(step.call, error, step.machine)
    return said


_LOSSES = (RayActorError, NodeDiedError, WorkerCrashedError, OutOfMemoryError, ObjectLostError)


def failure(call: TaskCall, error: RayError, machine: str = "") -> Errored | Lost:
    """What became of a step whose process failed. A loss is explained if Ray says that its machine died."""
    if isinstance(error, RayTaskError) and not isinstance(error, _LOSSES):
        fault = ProgramFault(f"{type(error.cause).__name__}: {error.cause}", got=str(error))
        return Errored(head=call.head, error=fault, machine=machine)
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return Lost(head=call.head, explained=isinstance(error, NodeDiedError), cause=cause, machine=machine)
