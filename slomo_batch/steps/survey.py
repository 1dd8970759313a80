"""Survey a video: decode it once and commit what is measured, before it is planned. It is planned from that."""

import time
from collections.abc import Generator, Iterator

from slomo_batch.errors import WorkDamaged
from slomo_batch.plan.carriage import keeps_alpha
from slomo_batch.plan.ids import video_id
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.sandbox.confined import survey_source
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import plan_video
from slomo_batch.steps.stored_survey import store_survey, stored_survey, withdraw_survey
from slomo_batch.steps.surveyed_probe import decoded_probe
from slomo_batch.timeline.survey import Survey

PROGRESS_S = 1.0
"""Seconds between two reports of the progress of a survey."""


def survey_video(request: VideoRequest, pin: JobPin, context: StepContext) -> Iterator[tuple[int, int]]:
    """Survey a video, unless its survey is stored. Yields now and then how many pictures are decoded, of how many.

    Raises:
        SourceUnreadable, SourceUnsupported, SourceChanged: as when it is planned and split.
    """
    identity, name, limit = video_id(request, pin), request.source.uri, request.settings.limits.max_held_frames
    probed = decoded_probe(request, context)
    num_pictures = len(probed.index.frame_pts)
    if _is_stored(identity, num_pictures, context):
        return
    # Planned as it is, to find out whether alpha is decoded, and to fail before all of it is decoded.
    alpha = keeps_alpha(plan_video(identity, request, pin, probed).plan)
    reader = context.reader(request.source)
    surveyed = survey_source(reader, name, probed.facts, probed.index, max_held_frames=limit, alpha=alpha)
    survey = yield from _now_and_then(surveyed, num_pictures)
    store_survey(identity, survey, context)


def _is_stored(identity: str, num_pictures: int, context: StepContext) -> bool:
    try:
        return stored_survey(identity, num_pictures, context) is not None
    except WorkDamaged:
        withdraw_survey(identity, num_pictures, context)
        return False


def _now_and_then(
    surveyed: Generator[int, None, Survey], num_pictures: int
) -> Generator[tuple[int, int], None, Survey]:
    due_s = time.monotonic()
    while True:
        try:
            done = next(surveyed)
        except StopIteration as ended:
            survey: Survey = ended.value
            return survey
        if time.monotonic() >= due_s:
            due_s = time.monotonic() + PROGRESS_S
            yield done, num_pictures
