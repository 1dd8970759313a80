"""The output frames of a chunk are made one after the other, however many a pair has."""

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import torch

from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.superslomo import inference
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.media.probe import probe
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.records import Chunk, Source, VideoPlan, VideoRequest
from slomo_batch.settings import Interpolate, Retime, Settings
from slomo_batch.steps.frame_maker import FrameMaker, SourceWindow
from slomo_batch.steps.open import plan_video
from slomo_batch.steps.pair_pool import PairPool
from slomo_batch.steps.stopwatch import Stopwatch
from slomo_batch.timeline.retiming import FrameTime
from slomo_batch.uri import Uri
from tests.clips.catalogue import clip
from tests.media.sources import reader_of

PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods={"blend": MethodPin()})


def plan_of(name: str) -> VideoPlan:
    settings = Settings(interpolate=Interpolate(method="blend"), retime=Retime(slowdown=Fraction(2)))
    source = Source(uri=Uri(f"/{name}"), size_bytes=1, fingerprint="1")
    request = VideoRequest(source=source, output_uri=Uri("/out.mp4"), exists="skip", settings=settings)
    return plan_video("id", request, PIN, probe(reader_of(clip(name).data), name)).plan


def moving(num: int, *, width: int, height: int) -> list[Picture]:
    """Pictures of one texture that moves by a pixel a frame."""
    form = PIXEL_FORMATS["yuv420p"]
    texture = np.random.default_rng(1).integers(100, 140, (height, width + num), dtype=np.uint8)
    grey = np.full(form.plane_shape(1, width, height), 128, np.uint8)
    return [
        Picture(format=form, planes=(np.ascontiguousarray(texture[:, step : step + width]), grey, grey))
        for step in range(num)
    ]


def guided() -> SuperSlomo:
    torch.manual_seed(1)
    return SuperSlomo(Guided(), device=torch.device("cpu"), precision="fp32", flow_scale=Fraction(1), threads=1)


@pytest.mark.parametrize(
    "method", [Duplicate(), Blend(), Flow(), Mci(), guided()], ids=lambda method: type(method).__name__
)
def test_the_frames_of_a_very_long_pair_come_as_they_are_asked_for(
    method: AnyInterpolator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "AHEAD_FRAMES", range(1, 5))
    plan, end = plan_of("cfr"), 10**9
    window = SourceWindow(moving(8, width=320, height=192), first=0, context=plan.resolved.context, watched=())
    times = (FrameTime(frame=frame, pair=2, t=Fraction(frame, end)) for frame in range(end))
    chunk = Chunk(chunk_id="c", index=0, first_pair=2, end_pair=3, first_frame=0, end_frame=end)
    parts = FrameMaker(plan, method, Stopwatch()).parts(window, chunk, times)
    frames = islice(PairPool(2).in_order(parts), 4)
    assert [frame.kind for frame in frames] == ["source", "made", "made", "made"]
