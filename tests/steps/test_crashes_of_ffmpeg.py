"""FFmpeg crashes while a step reads a source: the video fails with a reason, and the process goes on with others."""

import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from slomo_batch.attempts import Errored, StepHead, Succeeded
from slomo_batch.errors import SourceUnreadable, WorkerLost
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.calls import OpenCall, SplitCall, perform
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import open_video
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.clips.catalogue import clip
from tests.sandbox.children import only_child
from tests.steps.test_changed_source import PIN, requested


@dataclass(frozen=True)
class Shooting:
    """A store that sends a signal to the child which waits for the bytes of its source."""

    store: ObjectStore
    number: int

    def __getattr__(self, name: str) -> Any:
        """Like the store."""
        return getattr(self.store, name)

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Shoot, and read."""
        only_child().send_signal(self.number)
        return self.store.get_range(key, start, end, fingerprint=fingerprint)


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))


@pytest.fixture
def request_(tmp_path: Path, context: StepContext) -> VideoRequest:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    return requested(source, context)


def shooting(context: StepContext, number: int) -> StepContext:
    def locate(uri: Uri) -> tuple[ObjectStore, str]:
        store, key = context.locate(uri)
        return Shooting(store, number), key

    return replace(context, locate=locate)


def head(request: VideoRequest, step: Literal["open", "split"]) -> StepHead:
    return StepHead(video=0, step=step, uri=request.source.uri, video_id="")


def open_call(request: VideoRequest) -> OpenCall:
    return OpenCall(head=head(request, "open"), request=request, pin=PIN, remake=False)


def split_call(request: VideoRequest, context: StepContext, lane: Lane) -> SplitCall:
    stored = open_video(request, PIN, context, remake=False).stored
    wanted = frozenset(chunk.index for chunk in stored.chunks)
    return SplitCall(head=head(request, "split"), stored=stored, lane=lane, wanted=wanted, audio=True)


def last_of(call: OpenCall | SplitCall, context: StepContext) -> object:
    return list(perform(call, context))[-1]


@pytest.mark.parametrize("step", ["open", "copy", "decode"])
def test_a_crash_is_an_error_of_the_video_and_the_process_goes_on(
    step: Literal["open", "copy", "decode"], request_: VideoRequest, context: StepContext
) -> None:
    call = open_call(request_) if step == "open" else split_call(request_, context, step)
    came = last_of(call, shooting(context, signal.SIGSEGV))
    assert isinstance(came, Errored)
    assert isinstance(came.error, SourceUnreadable)
    assert str(came.error).startswith(f"{request_.source.uri}: FFmpeg crashed while it read the file, got SIGSEGV")
    assert isinstance(last_of(call, context), Succeeded), "the next call has a child of its own"


def test_a_child_that_the_system_kills_is_an_error_that_is_tried_again(
    request_: VideoRequest, context: StepContext
) -> None:
    came = last_of(open_call(request_), shooting(context, signal.SIGKILL))
    assert isinstance(came, Errored)
    assert isinstance(came.error, WorkerLost)
    assert came.error.retryable
