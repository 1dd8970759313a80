"""Read PyTorch files with the weights-only loader, which cannot execute code."""

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
"""The exceptions that torch.load raises for damaged files and files that are no checkpoints."""


def read_pickle(path: Path, *, message: str, safe_globals: Sequence[Any] = ()) -> object:
    """Load the content of the file, with tensors on the CPU.

    Args:
        path: the file to read.
        message: the error message for a file that is not a PyTorch file.
        safe_globals: classes and functions allowed beside tensors, as torch.serialization.safe_globals takes them.

    Raises:
        WeightsError: the file is unreadable, or needs functions that are not allowed.
    """
    try:
        # Pass an open file: given a path, torch would use its suffix, which says nothing about the content.
        with torch.serialization.safe_globals(list(safe_globals)), warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # torch warns about unusual pickles; callers validate the content
            content: object = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "refused a pickle with more than weights, which could execute code",
            where=str(path),
            got=_reason(error),
            remedy="Ask its authors for a file with tensors only.",
        ) from error
    except _READ_ERRORS as error:
        raise WeightsError(message, where=str(path), got=_reason(error)) from error
    return content


def _reason(error: Exception) -> str:
    """Return the line of torch's long message that names the rejected object."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "GLOBAL" in line), lines[0] if lines else type(error).__name__)
