"""Ranking: always the number with the lowest key, after any sequence of changes and removals."""

from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.scheduler.ranking import SWEEP_FROM, Key, Ranking

NUMBERS = st.integers(0, 9)
KEYS = st.tuples(st.booleans(), st.integers(0, 20))


@settings(deadline=None)
@given(changes=st.lists(st.tuples(NUMBERS, st.none() | KEYS), max_size=300))
def test_it_returns_the_lowest_key_and_of_equal_keys_the_lowest_number(
    changes: list[tuple[int, Key | None]],
) -> None:
    ranking, keys = Ranking(), dict[int, Key]()
    for number, key in changes:
        if key is None:
            ranking.discard(number)
            keys.pop(number, None)
        else:
            ranking.put(number, key)
            keys[number] = key
        assert len(ranking) == len(keys)
        if keys:
            assert ranking.first() == min(keys, key=lambda number: (keys[number], number))


def test_outdated_entries_are_removed() -> None:
    ranking = Ranking()
    for key in range(10_000, 0, -1):
        ranking.put(1, (False, key))
    assert ranking.first() == 1
    assert len(ranking._entries) <= SWEEP_FROM + 2
