"""Read PyTorch files with the weights-only loader, which cannot execute code."""

import pickle
import re
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

_REMEDY = "Check the path, or download the file again."


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
        rejected = re.search(r"GLOBAL ([\w.]+)", str(error))
        if not rejected:
            raise WeightsError(message, where=str(path), remedy=_REMEDY) from error
        raise WeightsError(
            "the file contains more than weights and could execute code when loaded",
            where=str(path),
            got=rejected[1],
            remedy="Ask its authors for a file with tensors only.",
        ) from error
    except _READ_ERRORS as error:
        raise WeightsError(message, where=str(path), got=_reason(error), remedy=_REMEDY) from error
    return content


def _reason(error: Exception) -> str:
    """Return the first line of torch's message. That of a LookupError is only a key, so it is left out."""
    if isinstance(error, LookupError):
        return ""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
