"""PyTorch's files opened so that none of them can run code: by its reader that knows tensors and plain values only."""

import pickle
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from slomo_batch.errors import WeightsError

_READ_ERRORS = (
    AssertionError, AttributeError, EOFError, LookupError, OSError, OverflowError, RuntimeError, TypeError, ValueError,
    struct.error,
)  # fmt: skip
"""What torch's reader raises on files that are no checkpoint, or a damaged one."""


def read_pickle(path: Path, *, message: str, safe_globals: Sequence[Any] = ()) -> object:
    """What is stored in the file, tensors on the CPU.

    Args:
        path: the file.
        message: the error message for a file that is not a PyTorch file.
        safe_globals: classes and functions allowed beside tensors, as torch.serialization.safe_globals takes them.

    Raises:
        WeightsError: unreadable, or it asks for more to be called.
    """
    try:
        # As an open file: of a path torch would look at the suffix, which says nothing of what is in it.
        with torch.serialization.safe_globals(list(safe_globals)), warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter(
                "ignore"
            )  # torch warns of odd pickles; what comes out of them is judged by the caller
            content: object = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "a pickle that holds more than weights, which could execute code: refused",
            where=str(path),
            got=_reason(error),
            remedy="Get the file from its makers as plain tensors.",
        ) from error
    except _READ_ERRORS as error:
        raise WeightsError(message, where=str(path), got=_reason(error)) from error
    return content


def _reason(error: Exception) -> str:
    """The line of torch's long message that names the thing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "GLOBAL" in line), lines[0] if lines else type(error).__name__)
