"""The workers of one run: each makes its share of every step's samples, and together they take the step of one.

Step n takes the samples [n B, n B + B), whoever makes them: of N workers the worker r has the r-th run of B / N. Each
starts from the same weights, gradients are averaged, and so all of them have the same weights after every step.
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
    """This process among the workers."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether it is the one that validates, writes and tells."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all workers, of whom each has to ask."""
        if self.size == 1:
            return value
        summed = value.detach().clone()
        torch.distributed.all_reduce(summed)
        return summed / self.size

    def agree(self, number: int, what: str) -> None:
        """Judge that all workers have the same number.

        Raises:
            ManifestError: they have not.
        """
        own = torch.tensor(float(number), device=self.device, dtype=torch.float64)
        if float(self.mean(own)) != number:
            raise ManifestError(
                f"the workers do not see the same {what}",
                where=f"worker {self.rank} of {self.size}, which has {number}",
                remedy="Let --out be on S3, or in a folder that every machine has.",
            )


def group_of_process() -> WorkerGroup:
    """The group that this process was started in, torch's process group; else a group of one."""
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    if not torch.distributed.is_initialized():
        return WorkerGroup(device=device)
    return WorkerGroup(rank=torch.distributed.get_rank(), size=torch.distributed.get_world_size(), device=device)


class Shares(Sampler[int]):
    """Numbers of one worker's samples, from a step on."""

    def __init__(self, *, batch: int, first_step: int, steps: int, group: WorkerGroup) -> None:
        """Share out `batch` samples per step.

        Raises:
            ManifestError: they cannot be shared equally.
        """
        if batch % group.size:
            raise ManifestError(f"batch: {batch} samples cannot be shared by {group.size} workers equally")
        self.each = batch // group.size
        self._batch, self._first_step, self._steps, self._crew = batch, first_step, steps, group

    def __iter__(self) -> Iterator[int]:
        """The numbers in order."""
        for step in range(self._first_step, self._steps):
            first = step * self._batch + self._crew.rank * self.each
            yield from range(first, first + self.each)

    def __len__(self) -> int:
        return max(0, self._steps - self._first_step) * self.each
