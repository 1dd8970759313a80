"""Notes about settings that are probably not meant, and the estimate of an output's size."""

from dataclasses import replace
from fractions import Fraction

import pytest

from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.plan.batches import batch_px
from slomo_batch.plan.output_size import output_bytes
from slomo_batch.plan.settings_notes import SEARCH_ON_CPU, settings_notes
from slomo_batch.records.plans import VideoPlan
from slomo_batch.settings import Encode, FpsTarget, Retime
from slomo_batch.timeline.retiming import OutputGrid
from tests.stored_examples import PLAN

NOTHING = "nothing is interpolated: the output has the source's duration and frame rate, and is only encoded again"


def _plan(retime: Retime, *, rate: Fraction, num_frames: int, slowdown: int = 1) -> VideoPlan:
    """A plan of a video of 100 frames at 25 frames per second."""
    settings = replace(PLAN.request.settings, retime=retime)
    return replace(
        PLAN,
        request=replace(PLAN.request, settings=settings),
        facts=replace(PLAN.facts, num_frames=100, surveyed=None),
        grid=OutputGrid(rate=rate, slowdown=Fraction(slowdown), num_frames=num_frames),
        tick_s=Fraction(1, 25),
        nominal_rate=Fraction(25),
    )


def test_a_video_that_keeps_its_frames_gets_a_note() -> None:
    same = _plan(Retime(slowdown=Fraction(1)), rate=Fraction(25), num_frames=100)
    assert list(settings_notes(same)) == [NOTHING]
    assert not list(settings_notes(_plan(Retime(), rate=Fraction(25), num_frames=400, slowdown=4)))
    assert not list(settings_notes(_plan(Retime(slowdown=Fraction(1)), rate=Fraction(50), num_frames=200)))
    varying = replace(same, tick_s=Fraction(1, 90_000))
    assert not list(settings_notes(varying))


def test_weights_that_a_gpu_may_wait_for_get_a_note() -> None:
    slower = _plan(Retime(), rate=Fraction(25), num_frames=400, slowdown=4)

    def notes(weights: str, *, on_gpu: bool) -> list[str]:
        pixels = batch_px("superslomo-guided", for_gpu=on_gpu)
        return list(
            settings_notes(replace(slower, resolved=replace(slower.resolved, weights_name=weights, batch_px=pixels)))
        )

    (note,) = notes("compact-3", on_gpu=True)
    assert "compact-3" in note
    assert "`matched` needs no search" in note
    assert not notes("compact-3", on_gpu=False)
    assert not notes("matched-1", on_gpu=True)
    assert not notes("", on_gpu=True)


def test_the_shipped_weights_that_search_on_a_cpu_are_known() -> None:
    searching = {name for name in shipped_names() if _searches(name)}
    assert searching == SEARCH_ON_CPU


def _searches(name: str) -> bool:
    weights = load(shipped_file(name))
    return weights.network == "superslomo-guided" and weights.prior.kind == "dis-cpu"


@pytest.mark.parametrize(
    ("fps", "meant"),
    [
        ("23.976", "24000/1001"),
        ("23.98", "24000/1001"),
        ("29.97", "30000/1001"),
        ("59.94", "60000/1001"),
        ("119.88", "120000/1001"),
        ("24000/1001", ""),
        ("24", ""),
        ("23.9", ""),
        ("25", ""),
    ],
)
def test_a_rounded_ntsc_rate_gets_a_note(fps: str, meant: str) -> None:
    rate = Fraction(fps)
    retime = Retime(fps=FpsTarget(kind="rate", value=rate))
    notes = list(settings_notes(_plan(retime, rate=rate, num_frames=400, slowdown=4)))
    assert len(notes) == bool(meant)
    assert all(f"{meant} is probably meant" in note for note in notes)


def test_the_size_of_an_output_follows_its_frames_quality_and_codec() -> None:
    def size(encode: Encode, encoder: str, *, num_frames: int = 400, pixel_format: str = "yuv420p") -> int:
        plan = _plan(Retime(), rate=Fraction(25), num_frames=num_frames, slowdown=4)
        settings = replace(plan.request.settings, encode=encode)
        resolved = replace(plan.resolved, encoder=encoder, pixel_format=pixel_format)
        facts = replace(plan.facts, width=1920, height=1080)
        return output_bytes(
            replace(plan, request=replace(plan.request, settings=settings), resolved=resolved, facts=facts)
        )

    base = size(Encode(), "libx264")
    assert 4e6 < base < 40e6, "16 s of 1920x1080 at CRF 18"
    assert size(Encode(), "libx264", num_frames=200) < base < 2 * size(Encode(), "libx264", num_frames=200)
    assert size(Encode(quality=24), "libx264") < base / 1.5
    in_container = 12_400 + 37 * 400
    assert size(Encode(max_bit_rate=800_000), "libx264") == 1_600_000 + in_container
    hq, proxy = (size(Encode(quality=quality), "prores_ks", pixel_format="yuv422p10le") for quality in (18, 0))
    assert hq == pytest.approx(220e6 / 8 / 29.97 * 400, rel=0.02), "Apple's rate of ProRes 422 HQ"
    assert proxy < hq / 4
    lossless, deep = (size(Encode(), "ffv1", pixel_format=name) for name in ("yuv420p", "yuv444p10le"))
    assert deep == pytest.approx(2.5 * lossless, rel=0.01)
