"""Whether and when to try again, after an error and after a lost worker.

An attempt that ends in an error counts, and the next is made on another machine where there is one. A worker lost for a
known reason (preempted, drained, its machine gone) does not count against the chunk it held, and neither does a store
that is away or overloaded (scheduler.outage). A chunk whose worker died
for no known reason is isolated from then on: it runs alone on a machine, another one if there is one. Then the next
death is surely its fault, and the third fails it. A chunk that did not fit into memory runs isolated once; if it does
not fit then, it never will.
"""

from dataclasses import dataclass, replace

from slomo_batch.attempts import Failed, Lost

FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 60.0
MAX_DEATHS = 3
"""Unexplained deaths of its workers after which a chunk fails."""
MAX_LOSSES = 100
"""Explained losses after which a chunk fails all the same, so that nothing loops for ever. The same number of failures
on an overloaded store counts as an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """The attempts at one chunk so far."""

    errors: int = 0
    deaths: int = 0
    """Workers that died for no known reason while they held the chunk."""
    losses: int = 0
    """Workers lost for a known reason while they held the chunk."""
    outages: int = 0
    """Attempts that failed because the store was away or overloaded."""
    isolated: bool = False
    """True once the chunk may only run with a machine to itself."""
    failed_on: frozenset[str] = frozenset()
    """Machines on which an attempt ended in an error, or its worker died unexplained."""

    @property
    def next_attempt(self) -> int:
        """Number of the next attempt, from 1."""
        return 1 + self.errors + self.deaths + self.losses + self.outages


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again, not before `after_s` seconds from now."""

    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryIsolated:
    """Try again, not before `after_s` seconds from now, with a machine to itself."""

    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Never try again. `why` says which limit was reached; empty where the error itself says enough."""

    why: str


Decision = Retry | RetryIsolated | GiveUp


def backoff_s(attempt: int, *, jitter: float) -> float:
    """Seconds to wait after the `attempt`-th failure (from 1): doubling to a cap, halved by chance.

    `jitter`, 0 <= jitter < 1, is drawn by the caller: it spreads those that failed together.
    """
    full_s = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(attempt - 1, 30))
    return full_s * (0.5 + jitter / 2)


def after_chunk(tries: Tries, attempt: Failed, *, max_attempts: int, jitter: float) -> tuple[Tries, Decision]:
    """What follows from a failed attempt at a chunk; `tries` is what was before it."""
    if isinstance(attempt, Lost):
        return after_loss(tries, explained=attempt.explained, machine=attempt.machine, jitter=jitter)
    return after_chunk_error(
        tries,
        error=attempt.error_name,
        retryable=attempt.retryable and not attempt.wants_decode_lane,
        max_attempts=max_attempts,
        machine=attempt.machine,
        jitter=jitter,
    )


def after_chunk_error(
    tries: Tries, *, error: str, retryable: bool, max_attempts: int, machine: str = "", jitter: float
) -> tuple[Tries, Decision]:
    """What follows from an attempt that ended in an error; `tries` is what was before it.

    `machine` is where it happened, as far as that is known.
    """
    now = replace(
        tries,
        errors=tries.errors + 1,
        isolated=tries.isolated or error == "OutOfMemory",
        failed_on=_with(tries.failed_on, machine),
    )
    if error == "OutOfMemory" and tries.isolated:
        return now, GiveUp(why="it did not fit into memory even with a machine to itself")
    if not retryable:
        return now, GiveUp(why="")
    if now.errors >= max_attempts:
        return now, GiveUp(why=f"failed {now.errors} times")
    return now, _again(now, after_s=backoff_s(now.errors, jitter=jitter))


def after_loss(tries: Tries, *, explained: bool, machine: str = "", jitter: float) -> tuple[Tries, Decision]:
    """What follows from the loss of the worker that held the chunk; `tries` is what was before it.

    `machine` is where it happened, as far as that is known.
    """
    if explained:
        now = replace(tries, losses=tries.losses + 1)
        if now.losses >= MAX_LOSSES:
            return now, GiveUp(why=f"{now.losses} workers were taken away while they held it")
        return now, _again(now, after_s=0.0)
    now = replace(tries, deaths=tries.deaths + 1, isolated=True, failed_on=_with(tries.failed_on, machine))
    if now.deaths >= MAX_DEATHS:
        return now, GiveUp(why=f"{now.deaths} workers died unexplained while they held it")
    return now, _again(now, after_s=backoff_s(now.deaths, jitter=jitter))


def after_outage(tries: Tries, *, jitter: float) -> tuple[Tries, Retry | RetryIsolated]:
    """What follows from an attempt that failed because the store was away or overloaded: nothing counts."""
    now = replace(tries, outages=tries.outages + 1)
    return now, _again(now, after_s=backoff_s(now.outages, jitter=jitter))


def after_step_error(failures: int, *, retryable: bool, max_attempts: int, jitter: float) -> Retry | GiveUp:
    """What follows from the `failures`-th failure (from 1) of a video's open, survey, split, sound or stitch."""
    if not retryable:
        return GiveUp(why="")
    if failures >= max_attempts:
        return GiveUp(why=f"failed {failures} times")
    return Retry(after_s=backoff_s(failures, jitter=jitter))


def after_step_loss(losses: int) -> Retry | GiveUp:
    """What follows from the `losses`-th explained loss (from 1) of the process that held a step of a video."""
    if losses >= MAX_LOSSES:
        return GiveUp(why=f"{losses} processes were taken away while they held it")
    return Retry(after_s=0.0)


def _with(machines: frozenset[str], machine: str) -> frozenset[str]:
    return machines | {machine} if machine else machines


def _again(tries: Tries, *, after_s: float) -> Retry | RetryIsolated:
    return RetryIsolated(after_s=after_s) if tries.isolated else Retry(after_s=after_s)
