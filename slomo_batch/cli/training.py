"""The command `train`: its options, and what carries it out. Loads nothing heavy itself."""

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slomo_batch.errors import ManifestError

if TYPE_CHECKING:
    from slomo_batch.training.order import Order

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], Any]
"""Adds a command by name, help text and what runs it; gives its parser."""

NEEDED = ("pandas", "tensorboard")
"""What the extra `train` installs and nothing else does: Ray Train imports the first, the record the second."""


def add_training(add: Add) -> None:
    """Add the command."""
    parser = add("train", "train weights as a config says, or go on with it", _train)
    parser.add_argument("config", metavar="CONFIG", type=Path)
    parser.add_argument(
        "--out", metavar="URI", default="", help="the run's folder, or prefix on S3 (training-runs/NAME)"
    )
    parser.add_argument(
        "--address", default="auto", help="auto (the cluster this runs on, else a local Ray), local, inline, or Ray's"
    )
    parser.add_argument("--workers", metavar="N", type=_count, default=0, help="0, the default: one per GPU, or one")
    parser.add_argument(
        "--threads", metavar="N", type=_count, default=1, help="of torch in each worker, on the CPU (1)"
    )
    parser.add_argument(
        "--data-workers", metavar="N", type=_count, default=1, help="processes that make samples, for each worker (1)"
    )
    parser.add_argument("--validate-every", metavar="STEPS", type=_count, default=200, help="0: never (200)")
    parser.add_argument("--checkpoint-every", metavar="S", type=float, default=60.0, help="seconds (60)")
    parser.add_argument("--stop-at", metavar="STEP", type=_count, default=0, help="to go on another time")


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is less than nothing")
    return value


def _train(options: argparse.Namespace) -> int:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ManifestError(
            f"training needs {' and '.join(missing)}", remedy="Install the extra `train`: pip install '.[train]'."
        )
    from slomo_batch.training.order import carry_out, prove  # noqa: PLC0415 loads torch

    order = _order(options)
    prove(order)
    if options.address == "inline":
        from slomo_batch.training.distributed import group_of_process  # noqa: PLC0415

        carry_out(order, group_of_process())
        return 0
    from slomo_batch.training.on_ray import WorkerWish, train_on_ray  # noqa: PLC0415 loads Ray

    train_on_ray(order, WorkerWish(address=options.address, num=options.workers))
    return 0


def _order(options: argparse.Namespace) -> "Order":
    from slomo_batch.training.config import read_config  # noqa: PLC0415 loads torch
    from slomo_batch.training.loop import Pace  # noqa: PLC0415
    from slomo_batch.training.order import ordered  # noqa: PLC0415

    return ordered(
        read_config(options.config),
        _place(options.out or f"training-runs/{options.config.stem}"),
        Pace(
            threads=max(1, options.threads),
            data_workers=options.data_workers,
            checkpoint_s=options.checkpoint_every,
            validate_every=options.validate_every,
            stop_at=options.stop_at,
        ),
    )


def _place(uri: str) -> str:
    from slomo_batch.storage.location import normalise_uri  # noqa: PLC0415

    return normalise_uri(uri, Path.cwd())
