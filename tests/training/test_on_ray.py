"""What a worker raised is what the command tells."""

import pytest
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback
from ray.train.v2.api.exceptions import WorkerGroupError

from slomo_batch.errors import ClusterError, SourceChanged
from slomo_batch.training.on_ray import _as_ours

CHANGED = SourceChanged("is no longer the one that was looked through", where="a.mp4")


def around(error: Exception) -> WorkerGroupError:
    """As Ray Train hands on what a worker raised."""
    return WorkerGroupError("worker 0 failed", {0: UserExceptionWithTraceback(error, "Traceback")})


def test_an_error_of_ours_comes_out_whole() -> None:
    assert _as_ours(around(CHANGED)) is CHANGED


def test_an_error_of_ours_is_found_beneath_another() -> None:
    outer = RuntimeError("DataLoader worker 1 failed")
    outer.__cause__ = CHANGED
    assert _as_ours(around(outer)) is CHANGED


@pytest.mark.parametrize("error", [RuntimeError("no memory"), ValueError("odd")])
def test_any_other_says_that_workers_failed_and_how_to_go_on(error: Exception) -> None:
    ours = _as_ours(around(error))
    assert isinstance(ours, ClusterError)
    assert "worker 0 failed" in str(ours)
    assert "goes on where it stood" in str(ours)
