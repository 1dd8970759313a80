"""Workers that share a step: the samples of each, and gradients equal to those of one worker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slomo_batch.errors import ManifestError
from slomo_batch.training.distributed import WorkerGroup, WorkerSampler
from tests.architecture.project import ROOT


@pytest.mark.parametrize("size", [1, 2, 4])
def test_workers_together_have_the_samples_of_one(size: int) -> None:
    groups = [WorkerGroup(rank=rank, size=size) for rank in range(size)]
    shares = [list(WorkerSampler(batch=4, first_step=3, steps=7, group=group)) for group in groups]
    each = 4 // size
    for step in range(4):
        seen = [number for share in shares for number in share[step * each : step * each + each]]
        assert seen == list(range(4 * (3 + step), 4 * (3 + step) + 4))
    assert {len(share) for share in shares} == {4 * each}
    assert len(WorkerSampler(batch=4, first_step=3, steps=7, group=groups[0])) == 4 * each


def test_a_batch_that_is_not_divisible_by_the_workers_is_rejected() -> None:
    with pytest.raises(ManifestError, match="5 samples cannot be divided equally among 2"):
        WorkerSampler(batch=5, first_step=0, steps=1, group=WorkerGroup(size=2))


def test_a_single_worker_needs_no_process_group() -> None:
    assert float(WorkerGroup().mean(torch.tensor(3.0))) == 3
    WorkerGroup().check_equal(5, "checkpoint")


STEP = """
import sys, torch
from dataclasses import replace
from slomo_batch.training.distributed import current_group
from slomo_batch.training.loop import TrainingLoop
from slomo_batch.training.run_folder import RunFolder
from slomo_batch.training.checkpoint import load_or_start
from slomo_batch.uri import Uri
from tests.training.test_loop import OPTIONS, SHORT, nothing, samples

torch.set_num_threads(1)
rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if size > 1:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", world_size=size, rank=rank)
group = current_group()
config = replace(SHORT, batch=4, steps=2)
run_folder = RunFolder(Uri(f"{folder}/{size}-{rank}"))
state = load_or_start(config, "", run_folder.folder, group.device)
loop = TrainingLoop(config, state, run_folder, options=OPTIONS, validate=nothing, group=group, of="")
loop.run(samples())
torch.save({
    "gradients": [parameter.grad for parameter in state.network.parameters()],
    "average": [parameter.detach() for parameter in state.average.parameters()],
}, f"{folder}/{size}-{rank}.pt")
if size > 1:
    torch.distributed.destroy_process_group()
"""


@pytest.mark.training
def test_two_workers_have_the_gradients_of_one(tmp_path: Path) -> None:
    script = tmp_path / "step.py"
    script.write_text(STEP)

    def begin(rank: int, size: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, str(script), str(rank), str(size), str(tmp_path)]
        return subprocess.Popen(words, cwd=ROOT, env=environment())

    for workers in ([begin(0, 1)], [begin(0, 2), begin(1, 2)]):
        assert [worker.wait() for worker in workers] == [0] * len(workers)
    one, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for what in ("gradients", "average"):
        largest = max(float(tensor.abs().max()) for tensor in one[what])
        for ours, theirs, others in zip(one[what], first[what], second[what], strict=True):
            assert torch.equal(theirs, others), "all workers have the same"
            torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5 * largest)


def environment() -> dict[str, str]:
    """What processes of a test run under: one thread each, the project's own modules."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
