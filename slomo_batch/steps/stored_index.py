"""The packet index and the source timeline of a planned video, stored as one object that later steps read.

The object also holds the recipe of the source pictures, if the video is planned from a survey.
"""

import io
from fractions import Fraction
from typing import Any

import numpy as np

from slomo_batch.errors import ObjectMissing, WorkDamaged
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.plans import VideoPlan
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import MADE_AGAIN
from slomo_batch.timeline.index import Int64s, SourceTimeline, VideoIndex
from slomo_batch.timeline.joins import Join
from slomo_batch.timeline.recipe import Recipe
from slomo_batch.timeline.retiming import OutputGrid


def index_bytes(video_id: str, index: VideoIndex, timeline: SourceTimeline, recipe: Recipe | None = None) -> bytes:
    """The packet index, the source timeline and the recipe as one NumPy archive, with the id of the video."""
    data = io.BytesIO()
    of_recipe: dict[str, Any] = {} if recipe is None else {"pictures": recipe.pictures, "actions": recipe.actions}
    np.savez_compressed(
        data,
        video_id=np.frombuffer(video_id.encode(), dtype=np.uint8),
        pts=index.pts,
        size_bytes=index.size_bytes,
        is_keyframe=index.is_keyframe,
        is_discarded=index.is_discarded,
        last_duration=np.int64(index.last_duration),
        time_base=_ratio(index.time_base),
        ticks=timeline.ticks,
        end=np.int64(timeline.end),
        tick_s=_ratio(timeline.tick_s),
        rate=_ratio(timeline.rate or Fraction(0)),
        nominal_rate=_ratio(timeline.nominal_rate),
        joins=np.array([[join.first_packet, join.offset] for join in index.joins], dtype=np.int64).reshape(-1, 2),
        **of_recipe,
    )
    return data.getvalue()


def read_index(stored: StoredPlan, context: StepContext) -> tuple[VideoIndex, SourceTimeline, Recipe | None]:
    """Read the packet index and the source timeline that the plan was made from, and the recipe of a surveyed video.

    Raises:
        WorkDamaged: the index is missing, cannot be read, or is another video's.
    """
    plan = stored.plan
    key = context.layout.index(plan.video_id)
    where = context.work.uri(key)
    try:
        data = context.work.get(key)
    except ObjectMissing as error:
        raise WorkDamaged("the packet index is missing", where=where, remedy=MADE_AGAIN) from error
    try:
        video_id, index, timeline, recipe = _parsed(data)
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds on damaged bytes
        raise WorkDamaged("the packet index is damaged", where=where, got=repr(error), remedy=MADE_AGAIN) from error
    if video_id not in {"", plan.video_id} or not _fits(plan, index, timeline, recipe):
        raise WorkDamaged("the packet index belongs to another video", where=where, remedy=MADE_AGAIN)
    return index, timeline, recipe


def _parsed(data: bytes) -> tuple[str, VideoIndex, SourceTimeline, Recipe | None]:
    """The video id, the index, the timeline and the recipe. The id is empty if the first version wrote the archive."""
    with np.load(io.BytesIO(data)) as stored:
        video_id = bytes(stored["video_id"]).decode() if "video_id" in stored else ""
        index = VideoIndex(
            time_base=_fraction(stored["time_base"]),
            pts=stored["pts"],
            size_bytes=stored["size_bytes"],
            is_keyframe=stored["is_keyframe"],
            is_discarded=stored["is_discarded"],
            last_duration=int(stored["last_duration"]),
            joins=_joins(stored["joins"]) if "joins" in stored else (),
        )
        timeline = SourceTimeline(
            tick_s=_fraction(stored["tick_s"]),
            ticks=stored["ticks"],
            end=int(stored["end"]),
            rate=_fraction(stored["rate"]) or None,
            nominal_rate=_fraction(stored["nominal_rate"]),
        )
        is_surveyed = "pictures" in stored
        recipe = Recipe(pictures=stored["pictures"], actions=stored["actions"]) if is_surveyed else None
    return video_id, index, timeline, recipe


def _fits(plan: VideoPlan, index: VideoIndex, timeline: SourceTimeline, recipe: Recipe | None) -> bool:
    """Whether the plan can have been made from this index, timeline and recipe."""
    facts, num_decoded = plan.facts, len(index.frame_pts)
    num_pictures = num_decoded if recipe is None else len(recipe)
    return (
        (facts.surveyed.num_pictures if facts.surveyed else num_decoded) == num_decoded
        and (facts.surveyed is None) == (recipe is None)
        and num_pictures * facts.scan.frames_per_picture == len(timeline.ticks) == facts.num_frames
        and (timeline.tick_s, timeline.nominal_rate) == (plan.tick_s, plan.nominal_rate)
        and _grid_again(plan.grid, timeline) == plan.grid
    )


def _grid_again(grid: OutputGrid, timeline: SourceTimeline) -> OutputGrid | None:
    """The grid that this timeline gives with the same rate, slowdown and range."""
    if max(grid.first_pair, grid.end_pair) >= timeline.num_frames:
        return None
    constant = OutputGrid.covering(
        timeline, rate=grid.rate, slowdown=grid.slowdown, first_pair=grid.first_pair, end_pair=grid.end_pair
    )
    return constant.ramped(timeline, grid.parts) if grid.parts else constant


def _joins(rows: Int64s) -> tuple[Join, ...]:
    return tuple(Join(first_packet=first, offset=offset) for first, offset in rows.tolist())


def _ratio(value: Fraction) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([value.numerator, value.denominator], dtype=np.int64)


def _fraction(pair: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Fraction:
    return Fraction(int(pair[0]), int(pair[1]))
