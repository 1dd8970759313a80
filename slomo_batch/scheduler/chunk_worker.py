"""What a worker does once it is loaded, and what the driver knows of one that it started."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from slomo_batch.attempts import Attempt, ChunkTask, Errored, FramesMade
from slomo_batch.cluster.demand import Resources
from slomo_batch.cluster.nodes import type_of_this_node
from slomo_batch.errors import ProgramFault, SlomoError, TooLittleDisk, WorkDamaged
from slomo_batch.loading import fast_loading
from slomo_batch.scheduler.abilities import Abilities, probe_abilities
from slomo_batch.scheduler.calls import ChunkCall, ChunkStored, Entered, SurveyProgress, perform
from slomo_batch.steps.pair_pool import PairPool
from slomo_batch.wiring import JobEnvironment, open_context


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNeeds:
    """What one worker takes, and how many there may be."""

    min_workers: int
    max_workers: int
    num_gpus: float
    num_cpus: int
    """CPUs that Ray keeps for it; 0 on a Ray of this job's own, which knows only the CPUs of steps."""
    slots: int
    """Chunks one worker holds at a time: one in the model, the others fetching, decoding, encoding, uploading."""
    cores: int
    """Pairs that one worker makes at once."""
    hang_s: float
    """Seconds before which no worker counts as hanging."""

    def share_of(self, num_cores: int) -> float:
        """The share of the memory of a machine with so many cores, and of its GPU, that one worker may plan with."""
        return min(1.0, self.num_gpus or self.cores / num_cores)

    @property
    def resources(self) -> Resources:
        """What one worker takes, by Ray's names."""
        gpus = math.ceil(self.num_gpus) if self.num_gpus > 1 else self.num_gpus
        return {"CPU": float(self.num_cpus), "GPU": float(gpus)}


class LoadedWorker:
    """What the actor holds (scheduler.worker_actor): a context whose model stays loaded."""

    def __init__(self, environment: JobEnvironment, needs: WorkerNeeds) -> None:
        """`needs`: what it took of its machine."""
        self._environment = environment
        self._pairs = PairPool(needs.cores, machine_share=needs.share_of(len(os.sched_getaffinity(0))))

    def open(self) -> Abilities:
        """Open what every chunk needs, and load what makes frames, before there is a chunk; tell what it can do."""
        open_context(self._environment)
        with fast_loading():
            import_module("slomo_batch.steps.interpolate")
            return replace(probe_abilities(), machine_type=type_of_this_node())

    def make(self, call: ChunkCall) -> Iterator[Attempt | FramesMade | Entered]:
        """Make one attempt at one chunk: yield its phases as they begin, its frames so far, then what became of it."""
        for said in perform(call, replace(open_context(self._environment), pairs=self._pairs)):
            if not isinstance(said, ChunkStored | SurveyProgress):
                yield said


@dataclass(slots=True, eq=False)
class StartedWorker:
    """An actor that the driver started."""

    actor: Any
    idle_since_s: float
    kept_off: frozenset[str] = frozenset()
    """Machines on which Ray must not place it."""
    kept_off_types: frozenset[str] = frozenset()
    """Types of machine on which Ray must not place it."""
    node: str = ""
    """Empty until the actor runs."""
    placed_s: float = 0.0
    """When its machine became known."""
    heard_s: float = 0.0
    """When it last reported something of a chunk, or got the first one."""
    is_up: bool = False
    """Whether it may be given chunks."""


@dataclass(slots=True, eq=False)
class HeldChunk:
    """A call that a worker holds."""

    call: ChunkCall
    worker: StartedWorker
    since_s: float
    is_computing: bool = False
    """Whether it decodes, runs the model or encodes: only then can it kill its process."""


def next_report(ref: Any, call: ChunkCall) -> Attempt | FramesMade | Entered | RayError:
    """The next thing that a call reports, or the error that says that its worker is dead."""
    try:
        said: Attempt | FramesMade | Entered = ray.get(next(ref))
    except StopIteration:
        return RayError("the call ended without a result")
    except RayTaskError as error:
        fault = ProgramFault(f"{type(error.cause).__name__}: {error.cause}", got=str(error))
        return Errored(head=call.head, error=fault)
    except RayError as error:
        return error
    return said


def work_of(task: ChunkTask) -> float:
    """Pixels of all pictures that the chunk reads and makes: the time it takes is proportional to them."""
    chunk, facts = task.chunk, task.plan.facts
    num_pictures = chunk.end_pair - chunk.first_pair + chunk.end_frame - chunk.first_frame
    return float(num_pictures * facts.width * facts.height)


def may_be_the_machines(error: SlomoError) -> bool:
    """Whether a machine may be to blame for a chunk's error; damage in the work place is not its fault, nor is a disk
    that stitches filled."""
    return isinstance(error, ProgramFault) or (error.retryable and not isinstance(error, WorkDamaged | TooLittleDisk))
