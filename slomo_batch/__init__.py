"""Slow motion and higher frame rates for whole archives of video."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from slomo_batch.version import __version__

if TYPE_CHECKING:
    from slomo_batch.api import Interpolator, JobResult, SelfTestResult, convert, plan_job, run, self_test

__all__ = [
    "Interpolator",
    "JobResult",
    "SelfTestResult",
    "__version__",
    "convert",
    "plan_job",
    "run",
    "self_test",
]


def __getattr__(name: str) -> Any:
    """Load the Python interface when it is used first: it loads torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("slomo_batch.api"), name)
