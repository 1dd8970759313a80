"""Where the output frames of a video come from, as runs of pairs that have the same frames."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, takewhile

from slomo_batch.records.commits import FrameCounts, FrameKind, PairRun


def runs_of(frames: Iterable[tuple[int, FrameKind]], pairs: range) -> tuple[PairRun, ...]:
    """Return the runs of these pairs.

    Args:
        frames: the pair and the kind of each output frame, in order.
        pairs: all pairs, including those without an output frame.

    Raises:
        ValueError: a frame is of no such pair, or the frames of a pair are of more than one kind beside the source's.
    """
    by_pair = {pair: [kind for _, kind in group] for pair, group in groupby(frames, key=lambda frame: frame[0])}
    if not by_pair.keys() <= set(pairs):
        raise ValueError(f"frames of the pairs {sorted(by_pair.keys() - set(pairs))}, expected only {pairs}")
    return joined(_run(by_pair.get(pair, [])) for pair in pairs)


def joined(runs: Iterable[PairRun]) -> tuple[PairRun, ...]:
    """Return the runs with neighbors joined whose pairs have the same frames."""
    same = groupby(runs, key=lambda run: replace(run, pairs=1))
    return tuple(replace(one, pairs=sum(run.pairs for run in group)) for one, group in same)


def counts_of(runs: Iterable[PairRun]) -> FrameCounts:
    """Return how many output frames of each kind the runs have."""
    counts: Counter[str] = Counter()
    for run in runs:
        counts["source"] += run.pairs * run.source
        counts[run.kind] += run.pairs * run.others
    return FrameCounts(**counts)


def _run(kinds: Sequence[FrameKind]) -> PairRun:
    source = sum(1 for _ in takewhile(lambda kind: kind == "source", kinds))
    others = kinds[source:]
    if len(set(others)) > 1 or "source" in others:
        raise ValueError(f"a pair has source frames first and one kind of others after them, got {kinds}")
    return PairRun(pairs=1, source=source, others=len(others), kind=others[0] if others else "source")
