"""The command `train`. Importing this module loads nothing heavy."""

import argparse
import importlib.util
import math
import time
from typing import TYPE_CHECKING

from slomo_batch.cli.arguments import MAX_THREADS, Commands, add_command, file_path, integer, number
from slomo_batch.errors import ManifestError
from slomo_batch.uri import Uri

if TYPE_CHECKING:
    from slomo_batch.training.training_job import TrainingJob


NEEDED = ("pandas", "tensorboard")
"""Packages that only the extra `train` installs: Ray Train imports the first, the TensorBoard log the second."""


def add_training_command(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "train", "train weights as a config file describes, or resume the training", _train)
    parser.add_argument("config", metavar="CONFIG", type=file_path, help="the training config, a YAML file")
    parser.add_argument(
        "--out",
        metavar="URI",
        default="",
        help="the folder or s3:// prefix of the training run (default: training-runs/NAME)",
    )
    parser.add_argument(
        "--address",
        default="auto",
        help="auto: the Ray cluster of this machine, or a local Ray; local: a local Ray; inline: this process; or the "
        "address of a Ray cluster (default: auto)",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=integer(0),
        default=0,
        help="training workers; 0: one per GPU, at least one (default: 0)",
    )
    _add_loop_options(parser)


def _add_loop_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        metavar="N",
        type=integer(1, MAX_THREADS),
        default=1,
        help="CPU threads of torch in each worker (default: 1)",
    )
    parser.add_argument(
        "--data-workers",
        metavar="N",
        type=integer(0, MAX_THREADS),
        default=1,
        help="processes that prepare samples, for each worker (default: 1)",
    )
    parser.add_argument(
        "--validate-every",
        metavar="STEPS",
        type=integer(0),
        default=200,
        help="steps between validations; 0: never (default: 200)",
    )
    parser.add_argument(
        "--checkpoint-every",
        metavar="S",
        type=number(0),
        default=60.0,
        help="seconds between checkpoints (default: 60)",
    )
    parser.add_argument(
        "--stop-at",
        metavar="STEP",
        type=integer(0),
        default=0,
        help="stop after this step; a later run resumes (default: the config's last step)",
    )
    parser.add_argument(
        "--stop-after",
        metavar="MINUTES",
        type=number(0, above=True),
        help="stop after this time, validation not counted; a later run resumes (default: never)",
    )


def _train(options: argparse.Namespace) -> int:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ManifestError(
            f"training needs {' and '.join(missing)}", remedy="Install the extra `train`: pip install '.[train]'."
        )
    from slomo_batch.training.training_job import check_job, run_worker  # noqa: PLC0415 loads torch

    job = _training_job(options)
    check_job(job)
    if options.address == "inline":
        from slomo_batch.training.distributed import current_group  # noqa: PLC0415

        run_worker(job, current_group())
        return 0
    from slomo_batch.training.on_ray import WorkerRequest, train_on_ray  # noqa: PLC0415 loads Ray

    train_on_ray(job, WorkerRequest(address=options.address, num=options.workers))
    return 0


def _training_job(options: argparse.Namespace) -> "TrainingJob":
    from slomo_batch.training.config import read_config  # noqa: PLC0415 loads torch
    from slomo_batch.training.loop import LoopOptions  # noqa: PLC0415
    from slomo_batch.training.training_job import prepare_job  # noqa: PLC0415

    return prepare_job(
        read_config(options.config),
        Uri.parse(options.out or f"training-runs/{options.config.stem}"),
        LoopOptions(
            threads=options.threads,
            data_workers=options.data_workers,
            checkpoint_s=options.checkpoint_every,
            validate_every=options.validate_every,
            stop_at=options.stop_at,
            stop_by_s=time.time() + 60 * options.stop_after if options.stop_after else math.inf,
        ),
    )
