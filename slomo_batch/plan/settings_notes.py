"""Notes about settings that are valid and probably not meant."""

from collections.abc import Iterator

from slomo_batch.plan.survey import survey_reasons
from slomo_batch.records.plans import FIRST_BATCH_PX, VideoPlan
from slomo_batch.timeline.rates import ntsc_rate_near

SEARCH_ON_CPU = frozenset({"compact-2", "compact-3"})
"""Shipped weights whose motion a CPU searches for, also if the network is on a GPU."""


def settings_notes(plan: VideoPlan) -> Iterator[str]:
    """Notes about a planned video's settings: nothing would change, a rate is an imprecise one, or a GPU may wait."""
    retime = plan.request.settings.retime
    meant = ntsc_rate_near(retime.fps.value) if retime.fps.kind == "rate" else None
    if meant is not None:
        yield (
            f"retime.fps is {float(retime.fps.value):g}, exactly {retime.fps.value}: {meant} is probably meant, the"
            " rate of NTSC video"
        )
    if _keeps_time(plan):
        yield "nothing is interpolated: the output has the source's duration and frame rate, and is only encoded again"
    elif _may_wait_for_a_search(plan):
        yield (
            f"interpolate.weights: with {plan.resolved.weights_name}, a CPU core searches for the motion of each pair,"
            " and a GPU may wait for it; `matched` needs no search, and is about as good"
        )


def _may_wait_for_a_search(plan: VideoPlan) -> bool:
    """Whether the job's networks are on GPUs, and this one begins with what a CPU finds."""
    resolved = plan.resolved
    return resolved.weights_name in SEARCH_ON_CPU and resolved.batch_px != FIRST_BATCH_PX


def _keeps_time(plan: VideoPlan) -> bool:
    """Whether each source picture becomes one output frame at the source's rate."""
    facts, grid = plan.facts, plan.grid
    return (
        grid.slowdown == 1
        and not grid.parts
        and grid.rate == plan.nominal_rate == 1 / plan.tick_s
        and grid.num_frames == len(grid.pairs(facts.num_frames))
        and not facts.scan.is_interlaced
        and not facts.scan.varies
        and not survey_reasons(facts, plan.request.settings)
    )
