"""ScratchDisk: where the stitches of a job find the local disk that they need.

Where machines declare their disk, Ray keeps account of it. Where they do not, a stitch that finds too little is tried
on every other machine; if there is none, it waits for the other stitches to end; and if none runs, it fails.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from slomo_batch.attempts import Errored
from slomo_batch.cluster.demand import Resources, refusal
from slomo_batch.cluster.nodes import nodes_for_steps, scratch_disks, supply_for_steps
from slomo_batch.cluster.scratch import SCRATCH, ScratchOffer, gigabytes, is_too_much, request_for
from slomo_batch.errors import DiskFull, TooLittleDisk
from slomo_batch.scheduler.calls import StitchCall, TaskCall

LOOK_EVERY_S = 5.0
"""Seconds between two looks at what machines offer."""
AFTERMATH_S = 60.0
"""Seconds after the end of a stitch in which a full disk on its machine may be its work."""


class ScratchDisk:
    """What machines offer, and on which of them stitches run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._offer = ScratchOffer()
        self._look_due_s = clock()
        self._stitches: Counter[str] = Counter()
        """Running ones by machine."""
        self._until_s: dict[str, float] = {}
        """By machine, when the aftermath of its last stitch is over."""

    # ---- before a step starts ----------------------------------------------------------------------------------------

    def request_for(self, call: TaskCall) -> Resources:
        """The resources that a step asks Ray for besides its CPU.

        Raises:
            TooLittleDisk: all machines declare their disk, none has enough, and no other will start.
        """
        if not isinstance(call, StitchCall) or not call.disk_bytes:
            return {}
        if self._clock() >= self._look_due_s:
            self._look_due_s = self._clock() + LOOK_EVERY_S
            self._offer = scratch_disks()
        if is_too_much(call.disk_bytes, self._offer):
            raise self._too_little(call)
        return request_for(call.disk_bytes, self._offer)

    def refusal(self, call: TaskCall, resources: Resources, waited_s: float) -> TooLittleDisk | None:
        """Why a step that has waited for these resources will never get them; None while it may."""
        if not isinstance(call, StitchCall) or resources.get(SCRATCH, 0.0) <= self._offer.largest_gb:
            return None
        return self._too_little(call) if refusal({"CPU": 1.0, **resources}, supply_for_steps(), waited_s) else None

    def _too_little(self, call: StitchCall) -> TooLittleDisk:
        return TooLittleDisk(
            "no machine of this cluster has enough disk to join the segments",
            expected=f"scratch_gb of at least {gigabytes(call.disk_bytes)}",
            got=f"at most {self._offer.largest_gb:g} on the running machines",
            remedy="Give a node type a larger disk and a larger scratch_gb, then run again with --retry-failed.",
        )

    # ---- while stitches run ------------------------------------------------------------------------------------------

    def began(self, call: TaskCall, machine: str) -> None:
        """Record that a step runs on a machine."""
        if isinstance(call, StitchCall):
            self._stitches[machine] += 1

    def ended(self, call: TaskCall, machine: str) -> None:
        """Record that it ended there."""
        if isinstance(call, StitchCall) and machine:
            self._stitches[machine] -= 1
            self._until_s[machine] = self._clock() + AFTERMATH_S

    @property
    def num_stitches(self) -> int:
        """Stitches that run now."""
        return self._stitches.total()

    def blamed_on_stitches(self, attempt: Errored) -> Errored:
        """The attempt; with an error that passes if stitches filled the disk of its machine, and others can work or
        it becomes free when one of them ends."""
        error, machine = attempt.error, attempt.machine
        if not isinstance(error, DiskFull) or not self._has_stitches(machine):
            return attempt
        if self.num_stitches < 2 and not nodes_for_steps() - {machine}:
            return attempt
        passing = TooLittleDisk(error.what, where=error.where, got=error.got, remedy=error.remedy)
        return replace(attempt, error=passing)

    def _has_stitches(self, machine: str) -> bool:
        return self._stitches[machine] > 0 or self._clock() < self._until_s.get(machine, 0.0)
