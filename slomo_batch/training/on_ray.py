"""Train on Ray: one worker on this machine's CPU, or one per GPU of a cluster.

Ray Train starts the workers, joins them to torch's process group, and restarts them if a worker dies or its machine is
lost. They resume from the checkpoint in the run folder; Ray's own checkpoint storage is not used.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from slomo_batch.cluster import ray_address
from slomo_batch.cluster.ray_address import LOCAL, RayChoice
from slomo_batch.errors import ClusterError, ManifestError, SlomoError
from slomo_batch.training.distributed import current_group
from slomo_batch.training.training_job import TrainingJob, run_worker

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_COLOR_PREFIX", "0")
os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # so that relative paths in a config stay valid
os.environ["RAY_TRAIN_V2_ENABLED"] = "1"

import ray
import torch
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.v2.api.exceptions import TrainingFailedError

MAX_FAILURES = 8
"""Worker failures after which a run is given up; machines that are taken away do not count."""
COLLECTIVE_TIMEOUT_S = 3600
"""How long workers wait for the leader to validate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRequest:
    """The requested workers."""

    address: str
    """auto (the cluster of this machine, else a local Ray), local, or a Ray address."""
    num: int
    """Number of workers; 0: one per GPU, at least one."""


def train_on_ray(job: TrainingJob, request: WorkerRequest) -> None:
    """Run a training job on Ray.

    Raises:
        ClusterError: Ray cannot be reached, or the workers failed too often.
        ManifestError: the batch is not divisible by the number of workers.
        SlomoError: the error that a worker raised.
    """
    with _connected(request, job.options.threads), tempfile.TemporaryDirectory(prefix="slomo-ray-train-") as scratch:
        num_gpus = int(_cluster_total("GPU"))
        num = request.num or num_gpus or 1
        if job.config.batch % num:
            raise ManifestError(f"batch: {job.config.batch} samples cannot be divided equally among {num} workers")
        if 0 < num_gpus < num:
            raise ClusterError("more workers than GPUs", expected=f"{num} GPUs", got=str(num_gpus))
        try:
            _trainer(job, num, scratch, on_gpu=num_gpus > 0).fit()
        except TrainingFailedError as error:
            raise _original_error(error) from error


def _trainer(job: TrainingJob, num: int, scratch: str, *, on_gpu: bool) -> Any:
    trainer: Any = TorchTrainer
    return trainer(
        _train_worker,
        train_loop_config={"job": job},
        torch_config=TorchConfig(timeout_s=COLLECTIVE_TIMEOUT_S),
        scaling_config=ScalingConfig(
            num_workers=num, use_gpu=on_gpu, resources_per_worker=_resources_per_worker(job, on_gpu=on_gpu)
        ),
        run_config=RunConfig(
            name="run",
            storage_path=scratch,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )


def _resources_per_worker(job: TrainingJob, *, on_gpu: bool) -> dict[str, float]:
    """Ray resources of one worker. Data workers that feed a GPU need one CPU each."""
    return {"CPU": 1 + job.options.data_workers, "GPU": 1} if on_gpu else {"CPU": job.options.threads}


def _train_worker(given: Mapping[str, TrainingJob]) -> None:
    device = get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    run_worker(given["job"], current_group())


def _original_error(error: Exception) -> SlomoError:
    """Return the SlomoError that a worker raised, else a ClusterError."""
    failures: Mapping[int, Exception] = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause: BaseException | None = failure
        while cause is not None:
            if isinstance(cause, SlomoError):
                return cause
            cause = getattr(cause, "_base_exc", None) or cause.__cause__  # Ray's wrapper has no public attribute for it
    return ClusterError(
        "the training workers failed too often",
        expected=f"at most {MAX_FAILURES} failures",
        got=str(error).strip().splitlines()[-1],
        remedy="Run the command again to resume from the last checkpoint.",
    )


@contextmanager
def _connected(request: WorkerRequest, threads: int) -> Iterator[None]:
    """Connect to the requested cluster, or start a local Ray until the end of the context."""
    choice = ray_address.choose() if request.address == "auto" else RayChoice(address=request.address)
    for note in choice.notes:
        sys.stderr.write(f"{note}\n")
    own: Mapping[str, Any] = {
        "num_cpus": max(os.cpu_count() or 1, max(1, request.num) * threads),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }
    try:
        ray_address.check_answers(choice.address, ray_address.ANSWER_S)
        at: dict[str, Any] = {**choice.init_arguments, **(own if choice.address == LOCAL else {})}
        # Without a dashboard, an actor of Ray Train warns every second that it cannot ask it for states.
        ray.init(logging_level=logging.ERROR, logging_config=ray.LoggingConfig(log_level="ERROR"), **at)
    except Exception as error:  # Ray raises bare Exceptions if it does not start in time
        advice = (
            ray_address.start_advice()
            if choice.address == LOCAL
            else choice.named_by and f"{choice.named_by} names it."
        )
        raise ClusterError(
            "cannot start Ray" if choice.address == LOCAL else "the Ray cluster does not answer",
            where=choice.address,
            got=ray_address.first_line(error),
            remedy=f"{advice} --address inline trains in this process, without Ray.".lstrip(),
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _cluster_total(resource: str) -> float:
    ask: Any = ray.cluster_resources
    return float(ask().get(resource, 0))
