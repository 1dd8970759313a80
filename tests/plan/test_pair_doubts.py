"""The doubts of pairs as they are stored and shown."""

import pytest

from slomo_batch.plan.pair_doubts import HELD_FROM, LEVELS, doubt_notes, doubts_text, levels_of, runs_of_levels
from slomo_batch.serialization import to_json


def test_every_level_survives_being_stored() -> None:
    levels: dict[int, int] = {10 + level: level for level in range(LEVELS + 1)}
    text = doubts_text(levels, range(9, 28))
    assert text == "-0123456789abcdefg-"
    assert levels_of(text) == [None, *range(LEVELS + 1), None]
    assert doubts_text({}, range(9, 28)) == ""


def test_another_character_is_refused() -> None:
    with pytest.raises(ValueError, match="not found"):
        levels_of("0h")


def test_equal_levels_that_follow_each_other_are_a_run() -> None:
    assert runs_of_levels([0, 0, 0, None, 16, 16, 0]) == [(3, 0), (1, None), (2, 16), (1, 0)]


@pytest.mark.parametrize(
    ("doubt", "texts", "notes"),
    [
        ("trust", ["gg"], ()),
        ("blend", ["00--", ""], ()),
        ("blend", ["001-", "0"], ("1 pair of frames was blended where the method doubts its frames",)),
        ("blend", ["1" * 1200], ("1,200 pairs of frames were blended where the method doubts its frames",)),
        ("hold", [str(HELD_FROM - 1)], ()),
        ("hold", [str(HELD_FROM), "0"], ("1 pair of frames was held because the method doubts its frames",)),
        ("hold", ["g", "g"], ("2 pairs of frames were held because the method doubts its frames",)),
    ],
)
def test_a_note_counts_the_pairs_about_which_something_was_done(doubt: str, texts: list[str], notes: object) -> None:
    assert doubt_notes(doubt, texts) == notes  # type: ignore[arg-type]


def test_three_hours_in_which_every_pair_is_doubted_otherwise_are_under_5_mb() -> None:
    levels = [pair % (LEVELS + 1) for pair in range(3 * 3600 * 60)]
    assert len(to_json(runs_of_levels(levels))) < 4_500_000
