"""Probe a video, and read its survey if it is planned from one."""

from dataclasses import replace

from slomo_batch.errors import SurveyMissing, WorkDamaged
from slomo_batch.media.probe import Probe
from slomo_batch.plan.scan import check_interlaced
from slomo_batch.plan.survey import check_repeats, estimated_facts, survey_reasons, surveyed_facts, surveyed_pictures
from slomo_batch.records.requests import VideoRequest
from slomo_batch.sandbox.confined import probe
from slomo_batch.settings import Settings
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import as_note
from slomo_batch.steps.stored_survey import stored_survey, withdraw_survey
from slomo_batch.timeline.fields import field_timeline, picture_timeline
from slomo_batch.timeline.survey import Survey


def decoded_probe(request: VideoRequest, context: StepContext) -> Probe:
    """What probing finds, without a survey: every decoded picture is a source picture.

    Raises:
        SourceUnreadable, SourceUnsupported, SourceChanged: the source cannot be converted with these settings.
    """
    settings, name = request.settings, request.source.uri
    probed = probe(context.reader(request.source), name, settings.scan, settings.deinterlace)
    check_repeats(probed.facts, settings, name)
    return probed


def surveyed_probe(request: VideoRequest, video_id: str, context: StepContext, *, dry_run: bool = False) -> Probe:
    """What probing finds, and what follows from the survey if the settings want one.

    A damaged survey is deleted. With `dry_run` it is not, and a probe without a survey is returned with a note.

    Raises:
        SurveyMissing: the video needs a survey and has none.
    """
    probed, settings = decoded_probe(request, context), request.settings
    if not survey_reasons(probed.facts, settings):
        return probed
    num_pictures, note = len(probed.index.frame_pts), ""
    try:
        survey = stored_survey(video_id, num_pictures, context)
    except WorkDamaged as damaged:
        survey, note = None, as_note(damaged)
        if not dry_run:
            withdraw_survey(video_id, num_pictures, context)
    if survey is None and dry_run:
        return replace(probed, facts=estimated_facts(probed.facts, settings, note))
    if survey is None:
        raise SurveyMissing("the video is not surveyed yet", where=request.source.uri, notes=(note,) if note else ())
    return as_surveyed(probed, survey, settings, request.source.uri)


def as_surveyed(probed: Probe, survey: Survey, settings: Settings, name: str) -> Probe:
    """The probe of the source `name` with the source pictures that follow from its survey; a pure function.

    Raises:
        SourceUnsupported: pictures are interlaced, and `deinterlace` is refuse.
    """
    facts = probed.facts
    pictures = surveyed_pictures(facts, survey, picture_timeline(probed.timeline), settings)
    if pictures.scan is not None:
        check_interlaced(pictures.scan, settings.deinterlace, name)
    return replace(
        probed,
        facts=surveyed_facts(facts, pictures, settings),
        timeline=field_timeline(pictures.timeline) if facts.scan.frames_per_picture == 2 else pictures.timeline,
        recipe=pictures.recipe,
    )
