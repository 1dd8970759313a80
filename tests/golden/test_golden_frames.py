"""Pixels change only together with PIXEL_REVISION, which is part of every id: old and new frames never mix in a video.

Convolutions of other CPUs and builds sum in other orders, and a frame whose value lies between two samples may round
to either. So a sample may be off by one, and few may be: more is a change of the code. A change that stays below that
is not seen here; it is no more than moving to another machine would do.
"""

from collections.abc import Mapping

import numpy as np
import pytest

from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.picture import Samples
from tests.golden.frames import GOLDEN, made_from, stored_pair

MAX_OFF = 1
MAX_SHARE_OFF = 0.01


@pytest.fixture(scope="module")
def golden() -> Mapping[str, Samples]:
    assert GOLDEN.exists(), f"revision {PIXEL_REVISION} has no golden frames: python -m tests.golden.frames"
    with np.load(GOLDEN) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def made(golden: Mapping[str, Samples]) -> Mapping[str, Samples]:
    return made_from(stored_pair(golden))


def test_pixels_are_those_of_this_revision(golden: Mapping[str, Samples], made: Mapping[str, Samples]) -> None:
    changes = [change for name in made if (change := change_of(name, made[name], golden[name]))]
    assert not changes, (
        "pixels have changed: if that is meant, raise PIXEL_REVISION, run python -m tests.golden.frames, and say in "
        "CHANGELOG what changed\n" + "\n".join(changes)
    )


def test_the_golden_file_holds_what_is_made_and_nothing_else(
    golden: Mapping[str, Samples], made: Mapping[str, Samples]
) -> None:
    assert {name for name in golden if not name.startswith(("first,", "second,"))} == set(made)


def change_of(name: str, plane: Samples, stored: Samples) -> str:
    """Differences larger than those between machines, as text; empty if there are none."""
    if plane.shape != stored.shape or plane.dtype != stored.dtype:
        return f"{name}: {plane.dtype} {plane.shape} instead of {stored.dtype} {stored.shape}"
    off = np.abs(plane.astype(int) - stored.astype(int))
    if off.max() <= MAX_OFF and (off > 0).mean() <= MAX_SHARE_OFF:
        return ""
    row, column = np.unravel_index(off.argmax(), off.shape)
    return (
        f"{name}: {(off > 0).mean():.1%} of samples differ, by {off.max()} at most, at row {row}, column {column}: "
        f"{plane[row, column]} instead of {stored[row, column]}"
    )


def test_a_difference_is_reported_with_its_position() -> None:
    stored = np.zeros((10, 20), np.uint8)
    changed = stored.copy()
    changed[3, 7] = 2
    assert "row 3, column 7: 2 instead of 0" in change_of("x", changed, stored)
    assert change_of("x", stored, stored) == ""
    changed[3, 7] = 1
    assert change_of("x", changed, stored) == ""
    assert "100.0% of samples differ" in change_of("x", stored + np.uint8(1), stored)
