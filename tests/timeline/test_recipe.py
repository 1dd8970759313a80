"""Recipes and surveys: their columns fit together."""

from fractions import Fraction

import numpy as np
import pytest

from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.recipe import PictureAction, Recipe, SurveyedPictures
from slomo_batch.timeline.survey import Survey

TIMELINE = SourceTimeline(
    tick_s=Fraction(1, 25), ticks=np.arange(4), end=4, rate=Fraction(25), nominal_rate=Fraction(25)
)


def test_as_decoded_takes_every_picture_as_it_is() -> None:
    recipe = Recipe.as_decoded(4)
    assert recipe.pictures.tolist() == [0, 1, 2, 3]
    assert {PictureAction(action) for action in recipe.actions.tolist()} == {PictureAction.AS_IS}
    assert recipe.only(np.array([True, False, False, True])).pictures.tolist() == [0, 3]


@pytest.mark.parametrize(("pictures", "message"), [([0, 1, 2], "an action for each"), ([0, 2, 1, 3], "must not fall")])
def test_a_recipe_whose_columns_do_not_fit_is_refused(pictures: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(pictures=np.array(pictures), actions=np.zeros(4, np.int8))


def test_every_source_picture_has_a_time() -> None:
    with pytest.raises(ValueError, match="5 source pictures have 4 times"):
        SurveyedPictures(recipe=Recipe.as_decoded(5), timeline=TIMELINE)


def test_a_survey_whose_columns_differ_in_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"differ in length: \[1, 2\]"):
        Survey(
            hashes=np.zeros(2, np.uint64),
            is_held=np.zeros(2, np.bool_),
            block_change=np.zeros(1, np.float32),
            mean_change=np.zeros(2, np.float32),
            fields=np.zeros((2, 9), np.int64),
            scan_flags=np.zeros(2, np.int8),
        )
