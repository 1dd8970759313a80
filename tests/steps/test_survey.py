"""A video that is planned from a survey: what is found missing or damaged is made again, and nothing else."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.errors import SurveyMissing, WorkDamaged
from slomo_batch.media.recipe import checked_pictures, source_pictures
from slomo_batch.media.source_pictures import SourcePicture
from slomo_batch.media.survey import measured
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.ids import video_id
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.source_facts import SurveyFacts
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import open_video, preview_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stored_survey import store_survey, stored_survey
from slomo_batch.steps.survey import survey_video
from slomo_batch.timeline.recipe import PictureAction, Recipe
from slomo_batch.timeline.survey import Survey
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.clips.film import Film, made
from tests.steps.test_changed_source import PIN, requested

NUM_NEW = 10
TWOS = Film(num_frames=2 * NUM_NEW, shown=[number // 2 for number in range(2 * NUM_NEW)])


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))


@pytest.fixture
def request_(tmp_path: Path, context: StepContext) -> VideoRequest:
    source = tmp_path / "twos.mp4"
    source.write_bytes(made(TWOS))
    asked = requested(source, context)
    interpolate = replace(asked.settings.interpolate, duplicates="retime")
    return replace(asked, settings=replace(asked.settings, interpolate=interpolate))


def surveyed(request: VideoRequest, context: StepContext) -> None:
    assert list(survey_video(request, PIN, context)) == [(1, 2 * NUM_NEW)]


def missing(request: VideoRequest, context: StepContext) -> tuple[str, ...]:
    """Notes of an open that finds no survey."""
    with pytest.raises(SurveyMissing) as raised:
        open_video(request, PIN, context, remake=False)
    return raised.value.notes


def survey_key(request: VideoRequest, context: StepContext) -> str:
    return context.layout.survey(video_id(request, PIN))


def test_a_video_is_planned_from_its_survey(request_: VideoRequest, context: StepContext) -> None:
    assert missing(request_, context) == ()
    assert not list(context.work.list()), "an open that wants a survey stores nothing"
    surveyed(request_, context)
    stored = open_video(request_, PIN, context, remake=False).stored
    facts = stored.plan.facts
    assert (facts.num_frames, facts.lane, facts.lane_reason) == (NUM_NEW, "decode", "interpolate.duplicates: retime")
    assert facts.surveyed == SurveyFacts(num_pictures=2 * NUM_NEW, num_repeats=NUM_NEW)
    assert stored.plan.nominal_rate == Fraction(25)
    assert open_video(request_, PIN, context, remake=False).stored == stored, "the stored plan is read"


def test_a_survey_that_is_stored_is_not_made_again(request_: VideoRequest, context: StepContext) -> None:
    surveyed(request_, context)
    before = context.work.head(survey_key(request_, context))
    assert list(survey_video(request_, PIN, context)) == []
    assert context.work.head(survey_key(request_, context)) == before


def test_two_surveys_of_a_video_are_equal(request_: VideoRequest, context: StepContext) -> None:
    key, datas = survey_key(request_, context), []
    for _ in range(2):
        surveyed(request_, context)
        datas.append(context.work.get(key))
        context.work.delete([key])
    assert datas[0] == datas[1]


@pytest.mark.parametrize("when", ["before the plan", "before the split"])
def test_a_damaged_survey_is_made_again(when: str, request_: VideoRequest, context: StepContext) -> None:
    surveyed(request_, context)
    if when == "before the split":
        open_video(request_, PIN, context, remake=False)
    key = survey_key(request_, context)
    context.work.put(key, context.work.get(key)[:-30])
    [note] = missing(request_, context)
    assert "survey.npz: the survey is damaged" in note
    surveyed(request_, context)
    assert open_video(request_, PIN, context, remake=False).notes == ()


def test_a_preview_is_an_estimate_and_deletes_nothing(request_: VideoRequest, context: StepContext) -> None:
    surveyed(request_, context)
    key = survey_key(request_, context)
    context.work.put(key, b"damaged")
    planned = preview_video(request_, PIN, context)
    assert planned.stored.plan.facts.num_frames == 2 * NUM_NEW
    assert any(note.startswith("estimated: ") for note in planned.stored.notes)
    assert any("the survey is damaged" in note for note in planned.stored.notes)
    assert context.work.get(key) == b"damaged"


def test_a_survey_of_another_video_is_not_used(request_: VideoRequest, context: StepContext) -> None:
    surveyed(request_, context)
    data = context.work.get(survey_key(request_, context))
    context.work.put(context.layout.survey("another"), data)
    with pytest.raises(WorkDamaged, match="belongs to another video"):
        stored_survey("another", 2 * NUM_NEW, context)


def test_a_split_that_decodes_other_pictures_withdraws_the_survey(request_: VideoRequest, context: StepContext) -> None:
    surveyed(request_, context)
    stored = open_video(request_, PIN, context, remake=False).stored
    identity = stored.plan.video_id
    survey = stored_survey(identity, 2 * NUM_NEW, context)
    assert survey is not None
    hashes = survey.hashes.copy()
    hashes[7] += np.uint64(1)
    context.work.delete([context.layout.survey(identity)])
    store_survey(identity, replace(survey, hashes=hashes), context)
    wanted = {chunk.index for chunk in stored.chunks}
    with pytest.raises(WorkDamaged, match=r"twos.mp4, picture 7: a picture was decoded differently than in the survey"):
        list(split_video(stored, "decode", wanted, context, audio=False))
    assert missing(request_, context) == ()
    surveyed(request_, context)
    stored = open_video(request_, PIN, context, remake=False).stored
    assert set(split_video(stored, "decode", wanted, context, audio=False)) == wanted


# ---- pictures --------------------------------------------------------------------------------------------------------


def pictures(*levels: int) -> list[SourcePicture]:
    """Gray pictures with a bright square of these levels, and captions that name them."""
    made_of = []
    for number, level in enumerate(levels):
        plane = np.full((16, 24), 40, np.uint8)
        plane[:8, 8:16] = level
        picture = Picture(format=PIXEL_FORMATS["gray"], planes=(plane,))
        made_of.append(SourcePicture(number=number, picture=picture, is_held=False, captions=b"%d," % number))
    return made_of


def survey_of(decoded: list[SourcePicture]) -> Survey:
    measuring = measured(decoded)
    while True:
        try:
            next(measuring)
        except StopIteration as ended:
            survey: Survey = ended.value
            return survey


def test_a_survey_measures_the_largest_change_of_a_block() -> None:
    survey = survey_of(pictures(100, 100, 110, 90))
    assert survey.block_change.tolist() == [0, 0, 10, 20]
    assert survey.mean_change.tolist() == pytest.approx([0, 0, 10 / 6, 20 / 6])
    assert survey.hashes[0] == survey.hashes[1] != survey.hashes[2]


def test_captions_of_pictures_that_are_left_out_are_kept() -> None:
    recipe = Recipe(pictures=np.array([0, 2, 3]), actions=np.full(3, PictureAction.AS_IS, np.int8))
    made_of = list(source_pictures(recipe, pictures(1, 2, 3, 4, 5, 6)))
    assert [(one.number, int(one.picture.luma[0, 8]), one.captions) for one in made_of] == [
        (0, 1, b"0,1,"),
        (1, 3, b"2,"),
        (2, 4, b"3,4,5,"),
    ]


def test_a_video_with_other_pictures_than_surveyed_is_noticed() -> None:
    survey = survey_of(pictures(1, 2, 3))
    assert len(list(checked_pictures(pictures(1, 2, 3), survey, "a.mp4"))) == 3
    for decoded in (pictures(1, 2, 4), pictures(1, 2), pictures(1, 2, 3, 4)):
        with pytest.raises(WorkDamaged, match=r"a.mp4, picture [23]"):
            list(checked_pictures(decoded, survey, "a.mp4"))
