"""Scratch disk as a resource of Ray: what machines offer, and what a stitch asks for. Pure.

A machine that declares the resource `scratch_gb` offers so many gigabytes for temporary files: a step that needs disk
waits until they are free, and an autoscaler starts a machine that has them. A machine that declares none may have any
disk. The step then finds out itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from slomo_batch.cluster.demand import Resources

SCRATCH = "scratch_gb"
"""The name of the resource."""
_GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchOffer:
    """The scratch disks of a cluster."""

    largest_gb: float = 0.0
    """Of all machines that declare theirs; 0 if none does."""
    has_undeclared: bool = True
    """Whether there are machines that declare none, or none are known."""
    may_grow: bool = False
    """Whether an autoscaler may start machines with more."""


def scratch_offer(machines: Iterable[Resources], *, may_grow: bool) -> ScratchOffer:
    """What the live machines, and the types of machine that an autoscaler reports, offer for steps."""
    for_steps = [each for each in machines if each.get("CPU", 0) >= 1]
    return ScratchOffer(
        largest_gb=max((each.get(SCRATCH, 0.0) for each in for_steps), default=0.0),
        has_undeclared=not all(SCRATCH in each for each in for_steps) or not for_steps,
        may_grow=may_grow,
    )


def gigabytes(num_bytes: int) -> int:
    """The amount to ask for: Ray takes whole numbers above 1."""
    return max(1, ceil(num_bytes / _GB))


def request_for(num_bytes: int, offer: ScratchOffer) -> Resources:
    """What a step that needs so much disk asks Ray for; nothing if a machine that declares none may have it."""
    needed = gigabytes(num_bytes)
    if not num_bytes or (offer.has_undeclared and needed > offer.largest_gb):
        return {}
    return {SCRATCH: float(needed)}


def is_too_much(num_bytes: int, offer: ScratchOffer) -> bool:
    """Whether all machines declare their disks, none has so much, and no other will start."""
    return not offer.has_undeclared and not offer.may_grow and gigabytes(num_bytes) > offer.largest_gb
