"""Data-parallel training: the workers of a run share the batch of every step.

Step n uses the samples [n B, n B + B). Of N workers, worker r takes the r-th B / N of them. All workers start from the
same weights and average their gradients, so they have the same weights after every step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.distributed
from torch import Tensor
from torch.utils.data import Sampler

from slomo_batch.errors import ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGroup:
    """The rank of this process, and the number of workers."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_leader(self) -> bool:
        """Whether this worker is the leader, which validates, writes files and logs."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over all workers; a collective operation that every worker must call."""
        if self.size == 1:
            return value
        summed = value.detach().clone()
        torch.distributed.all_reduce(summed)
        return summed / self.size

    def check_equal(self, number: int, what: str) -> None:
        """Check that all workers have the same number; `what` names it in the error.

        Raises:
            ManifestError: the numbers differ.
        """
        own = torch.tensor(float(number), device=self.device, dtype=torch.float64)
        if float(self.mean(own)) != number:
            raise ManifestError(
                f"the workers see different versions of the {what}",
                where=f"worker {self.rank} of {self.size} has {number}",
                remedy="Set --out to S3 or to a folder that all machines share.",
            )


def current_group() -> WorkerGroup:
    """Return torch's process group of this process; a group of one if there is none."""
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    if not torch.distributed.is_initialized():
        return WorkerGroup(device=device)
    return WorkerGroup(rank=torch.distributed.get_rank(), size=torch.distributed.get_world_size(), device=device)


class WorkerSampler(Sampler[int]):
    """A sampler of the sample numbers of one worker, from a given step."""

    def __init__(self, *, batch: int, first_step: int, steps: int, group: WorkerGroup) -> None:
        """Divide the `batch` samples of each step.

        Raises:
            ManifestError: the batch is not divisible by the number of workers.
        """
        if batch % group.size:
            raise ManifestError(f"batch: {batch} samples cannot be divided equally among {group.size} workers")
        self.each = batch // group.size
        self._batch, self._first_step, self._steps, self._group = batch, first_step, steps, group

    def __iter__(self) -> Iterator[int]:
        """Yield the sample numbers in order."""
        for step in range(self._first_step, self._steps):
            first = step * self._batch + self._group.rank * self.each
            yield from range(first, first + self.each)

    def __len__(self) -> int:
        return max(0, self._steps - self._first_step) * self.each
