"""Workers that all hold as many chunks as they can, and get another one for each that they make; and what a turn of the
driver's engine costs meanwhile."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from slomo_batch.attempts import Succeeded
from slomo_batch.scheduler.calls import ChunkCall, Outcome
from tests.scheduler.virtual_ray import Scenario, VirtualRay, chunk_calls, made

CHUNK_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What the engine did in `seconds` of virtual time."""

    seconds: float
    num_made: int
    num_turns: int
    refs_waited_for: int
    """Over all calls of `ray.wait`: its cost is proportional to their number."""
    cpu_s: float
    """Of the engine and the pool, without the virtual Ray's waits."""


class CountedWaits:
    """The virtual Ray's `wait`, counted."""

    def __init__(self, ray: VirtualRay) -> None:
        self._wait = ray._wait
        self.num_refs = 0
        self.cpu_s = 0.0

    def __call__(self, refs: Sequence[Any], **options: Any) -> tuple[list[Any], list[Any]]:
        began_s = time.process_time()
        try:
            self.num_refs += len(refs)
            return self._wait(refs, **options)
        finally:
            self.cpu_s += time.process_time() - began_s


def _seconds_of(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
    """From 0.8 to 1.2 CHUNK_S, so that chunks do not end together."""
    spread = (hash((machine, call.task.chunk.index)) % 1000) / 1000
    return made(machine, call, seconds=CHUNK_S * (0.8 + 0.4 * spread))


def turns_of(patch: pytest.MonkeyPatch, *, num_workers: int, slots: int, seconds: float) -> Turns:
    """Let the workers make chunks for so many seconds of virtual time, after all of them hold some."""
    ray = VirtualRay([f"{number:056d}" for number in range(num_workers)], Scenario(chunk=_seconds_of))
    waits = CountedWaits(ray)
    patch.setattr(ray, "_wait", waits)
    ray.plug_in(patch)
    engine, most = ray.engine(max_workers=num_workers, slots=slots), num_workers * slots
    engine.scale(most)
    while engine.num_workers < num_workers:
        engine.outcomes(0.5)
    calls = chunk_calls(most + int(2 * num_workers * (CHUNK_S + seconds) / CHUNK_S))
    for _ in range(most):
        engine.start(next(calls))

    def run_until(end_s: float) -> tuple[int, int]:
        num_made = num_turns = 0
        while ray.now_s < end_s:
            num_turns += 1
            engine.scale(most)
            for _, outcome in engine.outcomes(0.5):
                if isinstance(outcome, Succeeded):
                    num_made += 1
                    engine.start(next(calls))
        return num_made, num_turns

    run_until(ray.now_s + CHUNK_S)
    waits.num_refs, waits.cpu_s, began_s, began_cpu_s = 0, 0.0, ray.now_s, time.process_time()
    num_made, num_turns = run_until(ray.now_s + seconds)
    cpu_s = time.process_time() - began_cpu_s - waits.cpu_s
    return Turns(
        seconds=ray.now_s - began_s,
        num_made=num_made,
        num_turns=num_turns,
        refs_waited_for=waits.num_refs,
        cpu_s=cpu_s,
    )
