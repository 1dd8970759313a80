"""The output frames of a chunk: in order and the same, however many pairs are made at once, or frames one pair has."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import to_rgb
from slomo_batch.color.transfers import Download
from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import AnyInterpolator, Held
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.picture import Picture
from slomo_batch.records.plans import FIRST_BATCH_PX, Chunk
from slomo_batch.settings import Interpolate
from slomo_batch.steps.frame_maker import FrameMaker, SourceWindow
from slomo_batch.steps.pair_pool import PairPool
from slomo_batch.steps.stopwatch import Stopwatch
from slomo_batch.timeline.retiming import FrameTime
from tests.steps.pairs import frames_of, moving, plan_of


def guided(batch_px: int = FIRST_BATCH_PX) -> SuperSlomo:
    torch.manual_seed(1)
    cpu = torch.device("cpu")
    return SuperSlomo(Guided(), device=cpu, precision="fp32", flow_scale=Fraction(1), threads=1, batch_px=batch_px)


@pytest.mark.parametrize(
    "method",
    [Duplicate(), Blend(), Flow(), Mci(), guided(batch_px=4 * 320 * 192)],
    ids=lambda method: type(method).__name__,
)
def test_the_frames_of_a_very_long_pair_come_as_they_are_asked_for(method: AnyInterpolator) -> None:
    plan, end = plan_of("cfr"), 10**9
    window = SourceWindow(moving(8, width=320, height=192), first=0, context=plan.resolved.context)
    times = (FrameTime(frame=frame, pair=2, t=Fraction(frame, end)) for frame in range(end))
    chunk = Chunk(chunk_id="c", index=0, first_pair=2, end_pair=3, first_frame=0, end_frame=end)
    maker = FrameMaker(plan, method, Stopwatch())
    frames = islice(PairPool(2).in_order(maker.parts(window, chunk, times)), 4)
    assert [frame.kind for frame in frames] == ["source", "made", "made", "made"]
    assert maker.num_made == 4


@pytest.mark.parametrize(("cuts", "kind"), [("hold", "held_at_cut"), ("ignore", "made")])
def test_no_frame_is_made_between_two_parts_of_a_joined_file(cuts: Literal["hold", "ignore"], kind: str) -> None:
    """However alike their pictures are."""
    plan = plan_of("cfr")
    settings = replace(plan.request.settings, interpolate=Interpolate(method="blend", cuts=cuts))
    plan = replace(plan, request=replace(plan.request, settings=settings), facts=replace(plan.facts, part_starts=(4,)))
    window = SourceWindow(moving(8, width=64, height=48), first=0, context=plan.resolved.context)
    times = [FrameTime(frame=place, pair=place // 2, t=Fraction(place % 2, 2)) for place in range(4, 12)]
    chunk = Chunk(chunk_id="c", index=0, first_pair=2, end_pair=6, first_frame=4, end_frame=12)
    parts = FrameMaker(plan, Blend(), Stopwatch()).parts(window, chunk, times)
    kinds = [frame.kind for frame in PairPool(2).in_order(parts)]
    assert kinds == ["source", "made", "source", kind, "source", "made", "source", "made"]


# ---- several pairs at once -------------------------------------------------------------------------------------------


def with_a_cut_and_a_repeat() -> list[Picture]:
    """A scene of columns, then one of rows, in which a frame is repeated."""

    def scene(lines: NDArray[np.int64]) -> list[Picture]:
        stripes = (lines // 16 % 2 * 90).astype(np.uint8)
        textures = moving(5, width=192, height=96)
        return [Picture(format=one.format, planes=(one.planes[0] + stripes, *one.planes[1:])) for one in textures]

    columns, rows = scene(np.arange(192)[None, :]), scene(np.arange(96)[:, None])
    return [*columns, *rows[:2], *rows[1:]]


FOOTAGE: dict[str, Callable[[], list[Picture]]] = {
    "cut and repeat": with_a_cut_and_a_repeat,
    "three pairs": lambda: moving(4, width=192, height=96),
    "odd size": lambda: moving(7, width=131, height=67),
    "10 bits": lambda: moving(7, width=192, height=96, pixel_format="yuv422p10le"),
}


@pytest.mark.parametrize("footage", FOOTAGE)
def test_any_number_of_pairs_at_once_makes_the_same_frames(footage: str) -> None:
    pictures, method = FOOTAGE[footage](), guided()
    alone = frames_of(pictures, method, cores=1)
    assert len(alone) == 3 * (len(pictures) - 1)
    if footage == "cut and repeat":
        assert {kind for kind, _ in alone} == {"source", "made", "held_at_cut", "held_repeat"}
    else:
        assert {kind for kind, _ in alone} == {"source", "made"}
    for cores in (2, 5):
        assert frames_of(pictures, method, cores=cores) == alone
    assert frames_of(pictures, method, cores=2, pairs=range(1, 3)) == alone[3:9], "chunk borders change nothing"


class FailsAt(Blend):
    """Runs out of memory from its third call on."""

    def __init__(self) -> None:
        self._calls = count()

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        if next(self._calls) >= 2:
            raise OutOfMemory("a pair of frames does not fit into memory")
        return super().between(i0_CHW, i1_CHW, times)


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_an_error_in_a_pair_in_the_middle_is_the_error_of_the_chunk(cores: int) -> None:
    with pytest.raises(OutOfMemory):
        frames_of(moving(9, width=64, height=48), FailsAt(), cores=cores)


def test_a_source_frame_is_converted_to_rgb_once(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = []

    def counted(picture: Picture, spec: ColorSpec, device: torch.device) -> Tensor:
        converted.append(picture)
        return to_rgb(picture, spec, device)

    monkeypatch.setattr("slomo_batch.steps.frame_maker.to_rgb", counted)
    pictures = moving(9, width=64, height=48)
    frames_of(pictures, Blend(), cores=3)
    assert sorted(map(id, converted)) == sorted(map(id, pictures))


class Late(Download):
    """Fills its copies in when it is waited for, as a GPU may."""

    waits: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        self._copies: list[tuple[Tensor, Tensor]] = []

    def add(self, tensor: Tensor) -> Tensor:
        self._copies.append((torch.zeros_like(tensor), tensor))
        return self._copies[-1][0]

    def wait(self) -> None:
        self.waits.append(len(self._copies))
        for copy, tensor in self._copies:
            copy.copy_(tensor)
        self._copies.clear()


@pytest.mark.parametrize("most_at_once", [1, 8])
def test_frames_are_read_after_they_came_down_which_is_awaited_once_a_pair(
    most_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = moving(4, width=64, height=48, pixel_format="yuv422p10le")
    expected = frames_of(pictures, Blend(), cores=1)
    monkeypatch.setattr("slomo_batch.steps.frame_maker.AT_ONCE_FRAMES", range(most_at_once, most_at_once + 1))
    monkeypatch.setattr("slomo_batch.steps.frame_maker.Download", Late)
    Late.waits.clear()
    assert frames_of(pictures, Blend(), cores=1) == expected
    planes = 3
    assert Late.waits == ([0, planes, planes] * 3 if most_at_once == 1 else [2 * planes] * 3)
