"""The command reports the error that a worker raised."""

import pytest
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback
from ray.train.v2.api.exceptions import WorkerGroupError

from slomo_batch.errors import ClusterError, SourceChanged
from slomo_batch.training.on_ray import _original_error

CHANGED = SourceChanged("is no longer the one that was looked through", where="a.mp4")


def around(error: Exception) -> WorkerGroupError:
    """Wrap an error as Ray Train does."""
    return WorkerGroupError("worker 0 failed", {0: UserExceptionWithTraceback(error, "Traceback")})


def test_a_slomo_error_of_a_worker_is_returned() -> None:
    assert _original_error(around(CHANGED)) is CHANGED


def test_a_slomo_error_is_found_as_the_cause_of_another_error() -> None:
    outer = RuntimeError("DataLoader worker 1 failed")
    outer.__cause__ = CHANGED
    assert _original_error(around(outer)) is CHANGED


@pytest.mark.parametrize("error", [RuntimeError("no memory"), ValueError("odd")])
def test_any_other_error_says_that_workers_failed_and_how_to_resume(error: Exception) -> None:
    ours = _original_error(around(error))
    assert isinstance(ours, ClusterError)
    assert "worker 0 failed" in str(ours)
    assert "resume from the last checkpoint" in str(ours)
