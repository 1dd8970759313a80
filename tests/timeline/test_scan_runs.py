"""Runs of film are found by the rhythm of their fields, each by itself, and end where the rhythm does."""

from itertools import cycle, islice

import numpy as np
import pytest

from slomo_batch.timeline.pairing import Pairing
from slomo_batch.timeline.scan_runs import CYCLES, MIN_FILM_PICTURES, ScanRun, Way, find_runs, shows_film
from tests.timeline.field_rows import rows

PROGRESSIVE, TFF, BFF = 0, 1, 2


def pairings(name: str, num_pictures: int, step: int = 0) -> list[Pairing]:
    return list(islice(cycle(CYCLES[name]), step, step + num_pictures))


def flags(num_pictures: int, flag: int = TFF) -> np.ndarray:
    return np.full(num_pictures, flag, np.int8)


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("name", CYCLES)
def test_every_way_is_recognized_from_any_picture_on(name: str, top_first: bool) -> None:
    for step in range(len(CYCLES[name])):
        found = find_runs(rows(pairings(name, 30, step), top_first=top_first), flags(30))
        assert found == [ScanRun(0, 30, Way(name, top_first or name == "progressive", step))]


def test_a_rhythm_that_breaks_makes_two_runs() -> None:
    shown = pairings("3:2", 23) + pairings("3:2", 27, 2)
    assert find_runs(rows(shown), flags(50)) == [
        ScanRun(0, 23, Way("3:2", True, 0)),
        ScanRun(23, 50, Way("3:2", True, 2)),
    ]


def test_film_progressive_and_interlaced_parts_are_told_apart() -> None:
    shown = pairings("progressive", 20) + pairings("3:2", 20) + pairings("interlaced", 20)
    found = find_runs(rows(shown), flags(60))
    assert [(run.first, run.end, run.way.name) for run in found] == [
        (0, 20, "progressive"),
        (20, 40, "3:2"),
        (40, 60, "interlaced"),
    ]


def test_stills_and_single_contradictions_do_not_end_a_run() -> None:
    shown = pairings("3:2", 100)
    shown[20:60] = [Pairing.UNKNOWN] * 40
    shown[70] = Pairing.FIELDS
    assert find_runs(rows(shown), flags(100)) == [ScanRun(0, 100, Way("3:2", True, 0))]


@pytest.mark.parametrize(("flag", "name"), [(PROGRESSIVE, "progressive"), (TFF, "interlaced"), (BFF, "interlaced")])
def test_a_video_that_shows_nothing_follows_its_flags(flag: int, name: str) -> None:
    (run,) = find_runs(rows([Pairing.UNKNOWN] * 30), flags(30, flag))
    assert (run.way.name, run.way.top_first) == (name, flag != BFF)


def test_flags_say_where_the_scan_changes_if_the_pictures_do_not() -> None:
    shown = pairings("progressive", 20) + [Pairing.UNKNOWN] * 10 + pairings("interlaced", 20)
    for change in (20, 24, 30):
        found = find_runs(rows(shown), np.where(np.arange(50) < change, PROGRESSIVE, TFF).astype(np.int8))
        assert [run.first for run in found] == [0, change]


def test_film_shorter_than_three_cycles_is_not_followed() -> None:
    for num_pictures, is_film in ((MIN_FILM_PICTURES, True), (MIN_FILM_PICTURES - 1, False)):
        (run,) = find_runs(rows(pairings("3:2", num_pictures)), flags(num_pictures))
        assert run.is_film == is_film


def test_samples_show_film_only_if_its_rhythm_is_clear() -> None:
    for name in CYCLES:
        assert shows_film(rows(pairings(name, 12))) == (name not in {"progressive", "interlaced"})
    assert not shows_film(rows(pairings("3:2", 9)))
    assert not shows_film(rows([Pairing.UNKNOWN] * 12))


def test_a_whole_picture_that_moves_by_a_line_is_no_film() -> None:
    """Its fields fit between those of the picture before, and its details look like combs."""
    moved = rows([Pairing.WHOLE] * 24)
    moved[1:, 0], moved[1:, 1:3], moved[1:, 3] = 60_000, 2_000, 140
    assert not shows_film(moved)
    (run,) = find_runs(moved, flags(24, PROGRESSIVE))
    assert run.way.name == "progressive"
