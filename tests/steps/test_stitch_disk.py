"""A stitch in two passes, and the local disk that a stitch asks for."""

from pathlib import Path
from typing import NamedTuple

import pytest

from slomo_batch.errors import TooLittleDisk
from slomo_batch.media import concat
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.requests import VideoRequest
from slomo_batch.steps import committed_objects, stitch
from slomo_batch.steps.context import StepContext
from tests.media.test_concat import decoded
from tests.steps.test_damaged_segments import context, made, request_

__all__ = ["context", "made", "request_"]


class Usage(NamedTuple):
    """What shutil.disk_usage returns."""

    total: int
    used: int
    free: int


def _output(request: VideoRequest) -> Path:
    return Path(request.output_uri)


def test_an_index_that_does_not_fit_costs_a_second_pass_and_nothing_else(
    request_: VideoRequest, made: StoredPlan, context: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def too_small(*_: object) -> int:
        tried.append(1)
        return 100

    monkeypatch.setattr(concat, "_moov_bytes", too_small)
    receipt = stitch.stitch_video(made, "copy", context, exists="skip")
    assert tried == [1]
    assert receipt.size_bytes == _output(request_).stat().st_size
    assert len(decoded(_output(request_))) == receipt.num_frames


@pytest.mark.parametrize("num_ahead", [0, 4])
def test_the_disk_asked_for_is_what_a_stitch_uses(
    made: StoredPlan, context: StepContext, num_ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 0
    for module in (stitch, committed_objects):
        monkeypatch.setattr(module, "num_ahead", lambda _: num_ahead)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(total=0, used=0, free=free))
    with pytest.raises(TooLittleDisk, match="too little free disk space") as refused:
        stitch.stitch_video(made, "copy", context, exists="skip")
    free = int(refused.value.expected.split()[0].replace(",", ""))
    sizes = [found.size_bytes for found in context.work.list(context.layout.segments(made.plan.video_id))]
    assert free >= sum(sizes) + sum(sorted(sizes)[-1 - num_ahead :])
    assert stitch.stitch_video(made, "copy", context, exists="skip").size_bytes <= free
