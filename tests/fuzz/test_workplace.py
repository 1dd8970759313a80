"""Damage in the work place: repaired by the next run, or reported with the key and a remedy that works.

Some of the product of states, kinds of object and ways of damage go with every `make test`; `make fuzz` tries it all.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.fuzz.workplace import ALL_STATES, Case, Workshop, check, impatient, quick_folder

COMMIT, CHUNK = "videos/ID/commits/ID.json", "videos/ID/chunks/copy/N-ID.pkts"
SOME = (
    Case("half", COMMIT, "truncated"),
    Case("half", "videos/ID/pin.json", "digit"),
    Case("half", CHUNK, "other"),
    Case("half", "videos/ID/pin.json", "lane.json"),
    Case("half", "epochs/N.json", "000001 (copy).json"),
    Case("split", "videos/ID/index.npz", "bit"),
    Case("split", "heartbeats/N.json", "zeros"),
    Case("split", "job.json", "garbage"),
    Case("made", "videos/ID/sound/ID.pkts", "other"),
    Case("made", "videos/ID/sound-commit.json", "braces"),
    Case("made", "videos/ID/segments/ID/ID.nut", "bit"),
    Case("chosen", "videos/ID/choice.json", "other"),
    Case("uploaded", "owned/ID.json", "empty"),
    Case("finished", "receipts/ID.json", "garbage"),
    Case("finished", "progress/N.json", "zzz.json"),
    Case("failed", "failures/N-ID.json", "zeros"),
)
WITHOUT_CHECKSUMS = (
    Case("half", "videos/ID/pin.json", "other"),
    Case("made", COMMIT, "other"),
    Case("made", "videos/ID/sound-commit.json", "other"),
)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with quick_folder("damage") as folder, impatient():
        yield Workshop(folder)


@pytest.mark.parametrize("case", SOME, ids=str)
def test_damage_is_repaired_or_reported(case: Case, workshop: Workshop) -> None:
    assert case.kind in {one.kind for one in workshop.cases(case.state)}
    assert check(case, workshop) == ""


@pytest.mark.parametrize("case", WITHOUT_CHECKSUMS, ids=str)
def test_records_of_the_first_version_are_checked_for_their_owner(case: Case, workshop: Workshop) -> None:
    assert check(case, workshop, checksums=False) == ""


@pytest.mark.fuzz
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("state", ALL_STATES)
def test_every_damage_is_repaired_or_reported(state: str, workshop: Workshop) -> None:
    cases = workshop.cases(state)
    wrong = {str(case): fault for case in cases if (fault := check(case, workshop))}
    sys.stdout.write(f"\n| work place, {state} | {len(cases)} | {len(wrong)} |\n")
    assert not wrong, "\n\n".join(f"{case}: {fault}" for case, fault in wrong.items())
