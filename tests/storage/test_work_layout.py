"""The keys of the work store."""

import pytest

from slomo_batch.storage.work_layout import Layout, Listed, name_in_job, parts_of

LAYOUT = Layout("derby")
OF_JOB = [LAYOUT.job, LAYOUT.progress(1), LAYOUT.epoch(1), LAYOUT.heartbeat(1), LAYOUT.ledger_part(1, 2)]
OF_JOB += [LAYOUT.receipt("r"), LAYOUT.failure(1, "r"), LAYOUT.owned("o"), LAYOUT.upload("u"), LAYOUT.probe("p")]
OF_VIDEO = [LAYOUT.pin("v"), LAYOUT.index("v"), LAYOUT.lane("v"), LAYOUT.choice("v"), LAYOUT.audio_source("v")]
OF_VIDEO += [LAYOUT.chunk("v", "copy", 0, "c"), LAYOUT.chunk("v", "decode", 0, "c"), LAYOUT.commit("v", "c")]
OF_VIDEO += [LAYOUT.segment("v", "c", "a", ".nut"), LAYOUT.audio_attempt("v", "a"), LAYOUT.audio_commit("v")]


def test_every_key_of_a_job_is_its_own_and_under_its_root() -> None:
    keys = OF_JOB + OF_VIDEO
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("jobs/derby/") for key in keys)
    assert all(key.startswith(LAYOUT.video("v")) for key in OF_VIDEO)
    assert not any(key.startswith(LAYOUT.videos) for key in OF_JOB)


def test_no_key_is_a_folder_of_another() -> None:
    keys = OF_JOB + OF_VIDEO
    assert not any(other.startswith(f"{key}/") for key in keys for other in keys)


def test_a_prefix_lists_what_it_is_for_and_nothing_else() -> None:
    prefixes = {
        LAYOUT.receipts: {LAYOUT.receipt("r")},
        LAYOUT.uploads: {LAYOUT.upload("u")},
        LAYOUT.failures: {LAYOUT.failure(1, "r")},
        LAYOUT.epochs: {LAYOUT.epoch(1)},
        LAYOUT.ledger: {LAYOUT.ledger_part(1, 2)},
        LAYOUT.chunks("v"): {LAYOUT.chunk("v", "copy", 0, "c"), LAYOUT.chunk("v", "decode", 0, "c")},
        LAYOUT.segments("v"): {LAYOUT.segment("v", "c", "a", ".nut")},
        LAYOUT.commits("v"): {LAYOUT.commit("v", "c")},
    }
    for prefix, expected in prefixes.items():
        assert prefix.endswith("/")
        assert {key for key in OF_JOB + OF_VIDEO if key.startswith(prefix)} == expected


def test_numbers_list_in_their_order() -> None:
    numbers = [0, 1, 9, 10, 99, 100_000]
    assert sorted(LAYOUT.epoch(number) for number in numbers) == [LAYOUT.epoch(number) for number in numbers]
    assert LAYOUT.epoch(1) == "jobs/derby/epochs/000001.json"
    chunks = [LAYOUT.chunk("v", "copy", number, "c") for number in numbers]
    assert sorted(chunks) == chunks


def test_jobs_whose_names_begin_alike_share_nothing() -> None:
    assert not Layout("derby-2").root.startswith(LAYOUT.root)


ID, OTHER_ID = "0f" * 16, "a1" * 16
LISTED: dict[Listed, tuple[str, tuple[str, ...]]] = {
    "progress": (LAYOUT.progress(7), ("000007",)),
    "epoch": (LAYOUT.epoch(1_234_567), ("1234567",)),
    "heartbeat": (LAYOUT.heartbeat(7), ("000007",)),
    "ledger_part": (LAYOUT.ledger_part(3, 12), ("000003", "000012")),
    "receipt": (LAYOUT.receipt(ID), (ID,)),
    "failure": (LAYOUT.failure(3, ID), ("000003", ID)),
    "upload": (LAYOUT.upload(ID), (ID,)),
    "commit": (LAYOUT.commit(ID, OTHER_ID), (ID, OTHER_ID)),
}
STRAYS = ("{}.tmp", ".{}.Xy12ab", "{} (copy)", "{}~", ".DS_Store", "zzz.json", "0{}", "{}\n")


@pytest.mark.parametrize("kind", LISTED)
def test_a_listed_key_is_taken_apart_and_a_stray_beside_it_is_none(kind: Listed) -> None:
    key, parts = LISTED[kind]
    assert parts_of(LAYOUT, kind, key) == parts
    folder, _, name = key.rpartition("/")
    for stray in STRAYS:
        assert parts_of(LAYOUT, kind, f"{folder}/{stray.format(name)}") == ()
    assert parts_of(Layout("other"), kind, key) == ()


def test_a_number_that_no_job_reaches_is_a_stray() -> None:
    assert parts_of(LAYOUT, "epoch", LAYOUT.epoch(99_999_999)) == ("99999999",)
    for stray in (100_000_000, 20261129102233, 10**24):
        assert parts_of(LAYOUT, "epoch", LAYOUT.epoch(stray)) == ()
        assert parts_of(LAYOUT, "ledger_part", LAYOUT.ledger_part(1, stray)) == ()


def test_a_key_has_the_same_name_in_a_copy_of_its_job() -> None:
    assert name_in_job(LAYOUT.pin("v")) == name_in_job(Layout("copy").pin("v")) == "videos/v/pin.json"
