"""An upload that arrives after another driver replaced the output does not replace that one."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.errors import StorageBusy
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.requests import VideoRequest
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stitch import stitch_video
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.steps.test_damaged_segments import context, made, request_

__all__ = ["context", "made", "request_"]


class Frozen(LocalStore):
    """The folder of the output, for a driver that freezes as its upload begins."""

    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        LocalStore(Path(self.root)).put(key, b"the successor's")
        super().put_file(key, path, over=over)


@pytest.mark.parametrize("exists_before", [False, True])
def test_a_frozen_driver_does_not_replace_the_output_of_its_successor(
    request_: VideoRequest, made: StoredPlan, context: StepContext, *, exists_before: bool
) -> None:
    output = Path(request_.output_uri)
    if exists_before:
        output.write_bytes(b"the first version")

    def locate(uri: Uri) -> tuple[ObjectStore, str]:
        return (Frozen(output.parent), uri.key) if uri == request_.output_uri else context.locate(uri)

    with pytest.raises(StorageBusy, match="another object was put under the output's name"):
        stitch_video(made, "copy", replace(context, locate=locate), exists="replace")
    assert output.read_bytes() == b"the successor's"
    assert stitch_video(made, "copy", context, exists="replace").size_bytes == output.stat().st_size
