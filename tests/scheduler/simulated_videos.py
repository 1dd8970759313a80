"""Simulated videos, their faults, and how often things go wrong by chance."""

from dataclasses import dataclass

from slomo_batch.records.source_facts import Lane


@dataclass(frozen=True, kw_only=True)
class Video:
    """A simulated video and its faults."""

    num_chunks: int
    audio: bool = False
    done: frozenset[int] = frozenset()
    ready: frozenset[int] = frozenset()
    unreadable: bool = False
    poison: frozenset[int] = frozenset()
    """Chunks that kill the worker that holds them, every time."""
    lane: Lane = "copy"
    undecodable: frozenset[int] = frozenset()
    """Chunks that cannot be made in the copy lane."""
    needs_survey: bool = False
    """The video is planned from a survey."""
    mismatch: bool = False
    """The stitch of the copy lane finds that neighbors decoded their shared frame differently."""
    hopeless: bool = False
    """The decode lane cannot give the planned frames either."""


@dataclass(kw_only=True)
class Faults:
    """How often things go wrong by chance; each chunk and step at most `most` times, so that good videos survive."""

    error: float = 0.0
    preemption: float = 0.0
    damage: float = 0.0
    """Damage to an object that a chunk, a split, a sound or a stitch reads; it counts as an error too."""
    most: int = 2
