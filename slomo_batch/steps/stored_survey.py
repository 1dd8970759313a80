"""The survey of a video, stored as one object that planning and the split read."""

import io

import numpy as np

from slomo_batch.errors import ObjectMissing, WorkDamaged
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import MADE_AGAIN
from slomo_batch.timeline.survey import Survey


def store_survey(video_id: str, survey: Survey, context: StepContext) -> None:
    """Store the survey of a video unless one is stored already. All surveys of a video are equal."""
    context.work.put_if_absent(context.layout.survey(video_id), _survey_bytes(video_id, survey))


def stored_survey(video_id: str, num_pictures: int, context: StepContext) -> Survey | None:
    """The survey of a video of so many pictures; None if there is none.

    Raises:
        WorkDamaged: the survey cannot be read, or is another video's.
    """
    key = context.layout.survey(video_id)
    where = context.work.uri(key)
    try:
        data = context.work.get(key)
    except ObjectMissing:
        return None
    try:
        of_video, survey = _parsed(data)
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds on damaged bytes
        raise WorkDamaged("the survey is damaged", where=where, got=repr(error), remedy=MADE_AGAIN) from error
    if (of_video, survey.num_pictures) != (video_id, num_pictures):
        raise WorkDamaged("the survey belongs to another video", where=where, remedy=MADE_AGAIN)
    return survey


def withdraw_survey(video_id: str, num_pictures: int, context: StepContext) -> None:
    """Delete a damaged survey. It is read again first, because another driver may have replaced it by a good one."""
    try:
        stored_survey(video_id, num_pictures, context)
    except WorkDamaged:
        context.work.delete([context.layout.survey(video_id)])


def _survey_bytes(video_id: str, survey: Survey) -> bytes:
    """The columns as one NumPy archive, with the id of the video."""
    data = io.BytesIO()
    np.savez_compressed(
        data,
        video_id=np.frombuffer(video_id.encode(), dtype=np.uint8),
        hashes=survey.hashes,
        is_held=survey.is_held,
        block_change=survey.block_change,
        mean_change=survey.mean_change,
        fields=survey.fields,
        scan_flags=survey.scan_flags,
    )
    return data.getvalue()


def _parsed(data: bytes) -> tuple[str, Survey]:
    with np.load(io.BytesIO(data)) as stored:
        survey = Survey(
            hashes=stored["hashes"],
            is_held=stored["is_held"],
            block_change=stored["block_change"],
            mean_change=stored["mean_change"],
            fields=stored["fields"],
            scan_flags=stored["scan_flags"],
        )
        return bytes(stored["video_id"]).decode(), survey
