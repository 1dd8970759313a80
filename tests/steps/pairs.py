"""Chunks of made pictures, cut into the parts that a pool makes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.media.probe import probe
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Interpolate, Retime, Settings
from slomo_batch.steps.frame_maker import FrameMaker, OutputFrame, SourceWindow
from slomo_batch.steps.open import plan_video
from slomo_batch.steps.pair_pool import Job, PairPool
from slomo_batch.steps.stopwatch import Stopwatch
from slomo_batch.timeline.retiming import FrameTime
from slomo_batch.uri import Uri
from tests.clips.catalogue import clip
from tests.media.sources import reader_of

PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods={"blend": MethodPin()})
FRAMES_PER_PAIR = 3
BLEND = Interpolate(method="blend")


def plan_of(name: str, interpolate: Interpolate = BLEND) -> VideoPlan:
    """The plan of a clip of the catalogue."""
    settings = Settings(interpolate=interpolate, retime=Retime(slowdown=Fraction(2)))
    source = Source(uri=Uri(f"/{name}"), size_bytes=1, fingerprint="1")
    request = VideoRequest(source=source, output_uri=Uri("/out.mp4"), exists="skip", settings=settings)
    return plan_video("id", request, PIN, probe(reader_of(clip(name).data), name)).plan


def moving(num: int, *, width: int, height: int, pixel_format: str = "yuv420p", seed: int = 1) -> list[Picture]:
    """Pictures of one texture that moves by a pixel a frame."""
    form = PIXEL_FORMATS[pixel_format]
    samples, unit = (np.uint8, 1) if form.bit_depth == 8 else (np.uint16, 1 << (form.bit_depth - 8))
    texture = np.random.default_rng(seed).integers(100 * unit, 140 * unit, (height, width + num), dtype=samples)
    grey = np.full(form.plane_shape(1, width, height), 128 * unit, samples)
    return [
        Picture(format=form, planes=(np.ascontiguousarray(texture[:, step : step + width]), grey, grey))
        for step in range(num)
    ]


def with_matte(pictures: Sequence[Picture], *, step: int = 1) -> list[Picture]:
    """The pictures behind a soft disc that moves by `step` pixels a frame."""
    form, (width, height) = pictures[0].format.with_alpha, (pictures[0].width, pictures[0].height)
    y, x = np.mgrid[:height, :width]
    made = []
    for number, picture in enumerate(pictures):
        distance = np.hypot(x - width / 3 - step * number, y - height / 2)
        matte = np.clip((height / 3 - distance) / 8 + 0.5, 0, 1) * form.max_value
        made.append(Picture(format=form, planes=(*picture.planes, np.rint(matte).astype(picture.luma.dtype))))
    return made


def of_size(plan: VideoPlan, pictures: Sequence[Picture]) -> VideoPlan:
    """The plan for pictures of another size and format."""
    form, first = pictures[0].format, pictures[0]
    facts = replace(
        plan.facts, width=first.width, height=first.height, pixel_format=form.name, has_alpha=form.has_alpha
    )
    return replace(plan, facts=facts, resolved=replace(plan.resolved, pixel_format=form.name))


def parts_of(
    pictures: Sequence[Picture],
    method: AnyInterpolator,
    *,
    pairs: range | None = None,
    num: int = FRAMES_PER_PAIR,
    watch: Stopwatch | None = None,
    color: ColorFacts | None = None,
    output: str | None = None,
    has_alpha: bool | None = None,
    interpolate: Interpolate = BLEND,
) -> Iterator[Job[OutputFrame] | Iterator[OutputFrame]]:
    """The parts of a chunk of these pairs, by default all; each pair has `num` frames.

    The output has the pictures' format unless `output` names another; the source has alpha if they have, or as said.
    """
    plan = of_size(plan_of("cfr", interpolate), pictures)
    alpha = plan.facts.has_alpha if has_alpha is None else has_alpha
    plan = replace(plan, facts=replace(plan.facts, color=color or plan.facts.color, has_alpha=alpha))
    plan = replace(plan, resolved=replace(plan.resolved, pixel_format=output or plan.resolved.pixel_format))
    pairs = pairs or range(len(pictures) - 1)
    first = max(0, pairs.start - plan.resolved.context)
    window = SourceWindow(pictures[first:], first=first, context=plan.resolved.context)
    times = (FrameTime(frame=num * pair + k, pair=pair, t=Fraction(k, num)) for pair in pairs for k in range(num))
    chunk = Chunk(
        chunk_id="c",
        index=0,
        first_pair=pairs.start,
        end_pair=pairs.stop,
        first_frame=0,
        end_frame=num * pairs.stop,
    )
    return FrameMaker(plan, method, watch or Stopwatch()).parts(window, chunk, times)


def frames_of(
    pictures: Sequence[Picture], method: AnyInterpolator, *, cores: int, pairs: range | None = None
) -> list[tuple[str, str]]:
    """Kind and hash of every frame of a chunk, made with so many cores."""
    return [(frame.kind, frame.hash) for frame in PairPool(cores).in_order(parts_of(pictures, method, pairs=pairs))]
