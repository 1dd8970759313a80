"""A run on Ray Train: one worker on this machine's CPU, or one per GPU of a cluster, by the same config.

Ray starts the workers together, joins them to torch's process group, and starts them anew where one died or its machine
went; they then go on at the checkpoint, which is ours to keep: Ray's own store of checkpoints is not used.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from slomo_batch import ray_address
from slomo_batch.errors import ClusterError, ManifestError, SlomoError
from slomo_batch.ray_address import LOCAL, RayChoice
from slomo_batch.training.distributed import group_of_process
from slomo_batch.training.order import Order, carry_out

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_COLOR_PREFIX", "0")
os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # relative paths of a config mean what they say
os.environ["RAY_TRAIN_V2_ENABLED"] = "1"

import ray
import torch
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.v2.api.exceptions import TrainingFailedError

MAX_FAILURES = 8
"""Workers that may die in one run before it is given up; machines that are taken away do not count."""
COLLECTIVE_S = 3600
"""How long workers wait for one that validates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerWish:
    """Which workers are wanted."""

    address: str
    """auto (the cluster this runs on, else a local Ray), local, or a Ray address."""
    num: int
    """0: one per GPU, or one where there is none."""


def train_on_ray(order: Order, wish: WorkerWish) -> None:
    """Carry out the order on Ray.

    Raises:
        ClusterError: Ray cannot be reached, or the workers died too often.
        SlomoError: what the workers raised.
    """
    with _connected(wish, order.pace.threads), tempfile.TemporaryDirectory(prefix="slomo-ray-train-") as scratch:
        num_gpus = int(_total("GPU"))
        num = wish.num or num_gpus or 1
        if order.config.batch % num:
            raise ManifestError(f"batch: {order.config.batch} samples cannot be shared by {num} workers equally")
        if 0 < num_gpus < num:
            raise ClusterError("more workers than GPUs", expected=f"{num} GPUs", got=str(num_gpus))
        try:
            _trainer(order, num, scratch, on_gpu=num_gpus > 0).fit()
        except TrainingFailedError as error:
            raise _as_ours(error) from error


def _trainer(order: Order, num: int, scratch: str, *, on_gpu: bool) -> Any:
    trainer: Any = TorchTrainer
    return trainer(
        _work,
        train_loop_config={"order": order},
        torch_config=TorchConfig(timeout_s=COLLECTIVE_S),
        scaling_config=ScalingConfig(
            num_workers=num, use_gpu=on_gpu, resources_per_worker=_needs(order, on_gpu=on_gpu)
        ),
        run_config=RunConfig(
            name="run",
            storage_path=scratch,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )


def _needs(order: Order, *, on_gpu: bool) -> dict[str, float]:
    """Of one worker. Processes that make samples for a GPU need CPUs of their own."""
    return {"CPU": 1 + order.pace.data_workers, "GPU": 1} if on_gpu else {"CPU": order.pace.threads}


def _work(given: Mapping[str, Order]) -> None:
    device = get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    carry_out(given["order"], group_of_process())


def _as_ours(error: Exception) -> SlomoError:
    """What a worker raised where that was one of ours; else that workers failed."""
    failures: Mapping[int, Exception] = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause: BaseException | None = failure
        while cause is not None:
            if isinstance(cause, SlomoError):
                return cause
            cause = getattr(cause, "_base_exc", None) or cause.__cause__  # Ray's wrapper has no public name for it
    return ClusterError(
        "the workers failed, and were started anew as often as is allowed",
        expected=f"at most {MAX_FAILURES} failures",
        got=str(error).strip().splitlines()[-1],
        remedy="The run goes on where it stood when it is called again.",
    )


@contextmanager
def _connected(wish: WorkerWish, threads: int) -> Iterator[None]:
    """To the cluster that is asked for, or to a Ray of this machine for the time being."""
    choice = ray_address.choose() if wish.address == "auto" else RayChoice(address=wish.address)
    for note in choice.notes:
        sys.stderr.write(f"{note}\n")
    own: Mapping[str, Any] = {
        "num_cpus": max(os.cpu_count() or 1, max(1, wish.num) * threads),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }
    try:
        ray_address.check_answers(choice.address, ray_address.ANSWER_S)
        at: dict[str, Any] = {**choice.init_arguments, **(own if choice.address == LOCAL else {})}
        ray.init(logging_level=logging.ERROR, **at)
    except Exception as error:  # Ray raises bare ones where it did not start in time
        advice = (
            ray_address.start_advice()
            if choice.address == LOCAL
            else choice.named_by and f"{choice.named_by} names it."
        )
        raise ClusterError(
            "Ray cannot be started" if choice.address == LOCAL else "no Ray cluster answers",
            where=choice.address,
            got=ray_address.reason_of(error),
            remedy=f"{advice} --address inline trains in this process, without Ray.".lstrip(),
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _total(resource: str) -> float:
    ask: Any = ray.cluster_resources
    return float(ask().get(resource, 0))
