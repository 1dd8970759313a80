"""What follows from the survey of a video: its source pictures, when each is shown, and its facts. Pure functions."""

from dataclasses import replace

import numpy as np

from slomo_batch.errors import SourceUnsupported
from slomo_batch.plan.scan import notes_on_scan
from slomo_batch.records.source_facts import SurveyFacts, VideoFacts
from slomo_batch.settings import Settings
from slomo_batch.timeline.cadences import without_repeats
from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.recipe import Recipe, SurveyedPictures
from slomo_batch.timeline.repeats import Changes
from slomo_batch.timeline.scanned import scanned_pictures
from slomo_batch.timeline.survey import Survey

SCAN = "the scan of each picture"
RETIME = "interpolate.duplicates: retime"


def check_repeats(facts: VideoFacts, settings: Settings, name: str) -> None:
    """Check that repeated frames of the source `name` can be found if they are to be left out.

    Raises:
        SourceUnsupported: a survey decides the scan, so the pictures that it measures are not the source frames.
    """
    if facts.scan.varies and settings.interpolate.duplicates == "retime":
        raise SourceUnsupported(
            f"{RETIME} is not supported for telecined or mixed video, whose scan a survey decides",
            where=name,
            remedy="Set interpolate.duplicates to keep, or scan to progressive or interlaced.",
        )


def survey_reasons(facts: VideoFacts, settings: Settings) -> tuple[str, ...]:
    """Why a video must be surveyed before it can be planned; empty if it need not be."""
    of_scan = (SCAN,) if facts.scan.varies else ()
    return (*of_scan, *((RETIME,) if settings.interpolate.duplicates == "retime" else ()))


def surveyed_pictures(
    facts: VideoFacts, survey: Survey, decoded: SourceTimeline, settings: Settings
) -> SurveyedPictures:
    """The source pictures of a surveyed video; `facts` and the timeline are those of its decoded pictures."""
    starts = [start // facts.scan.frames_per_picture for start in facts.part_starts]
    if facts.scan.varies:
        per_picture = 1 if settings.deinterlace == "frame" else 2
        return scanned_pictures(decoded, survey, starts, frames_per_picture=per_picture)
    pictures = SurveyedPictures(recipe=Recipe.as_decoded(survey.num_pictures), timeline=decoded)
    if settings.interpolate.duplicates == "retime":
        pictures = without_repeats(pictures, Changes.of_decoded(survey, starts))
    return pictures


def estimated_facts(facts: VideoFacts, settings: Settings, note: str) -> VideoFacts:
    """The facts of a video that is planned for display before it is surveyed. `note` is added to its notes."""
    if facts.scan.varies:
        estimate = (
            "estimated: the frames of film are restored, and fields of interlaced pictures become frames, which can"
            " change the frame rate and the number of frames. `plan --survey` counts them"
        )
    else:
        estimate = (
            f"estimated: repeated frames are left out, so that fewer than {facts.num_frames:,} source frames may be"
            " used; the number of output frames is exact. `plan --survey` counts them"
        )
    return replace(
        facts,
        lane="decode",
        lane_reason=" and ".join(survey_reasons(facts, settings)),
        oddities=(*facts.oddities, estimate, *([note] if note else [])),
    )


def surveyed_facts(facts: VideoFacts, pictures: SurveyedPictures, settings: Settings) -> VideoFacts:
    """The facts of a video with these source pictures; `facts` are those of its decoded pictures."""
    per_picture, num_pictures = facts.scan.frames_per_picture, len(pictures.recipe)
    first_pictures = [start // per_picture for start in facts.part_starts]
    part_starts = np.searchsorted(pictures.recipe.pictures, first_pictures)
    return replace(
        facts,
        num_frames=per_picture * num_pictures,
        lane="decode",
        lane_reason=" and ".join(survey_reasons(facts, settings)),
        part_starts=tuple(per_picture * int(start) for start in part_starts),
        surveyed=SurveyFacts(num_pictures=facts.num_frames // per_picture, num_repeats=pictures.num_repeats),
        oddities=(*facts.oddities, *_notes(facts, pictures)),
    )


def _notes(facts: VideoFacts, pictures: SurveyedPictures) -> tuple[str, ...]:
    if pictures.scan is not None:
        return notes_on_scan(pictures.scan)
    num_all = facts.num_frames // facts.scan.frames_per_picture
    if not pictures.num_repeats:
        return ("no repeated frames were found",)
    return (f"{pictures.num_repeats:,} of {num_all:,} source frames repeat the one before: they are left out",)
