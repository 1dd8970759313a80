"""Stored documents: what was altered, or is under another key, is found out."""

import pytest

from slomo_batch.errors import StoreUnusable, WorkDamaged
from slomo_batch.serialization import VERSION, from_stored, to_json, to_stored
from slomo_batch.steps.job_pin import Basis
from slomo_batch.steps.stored_records import committed
from slomo_batch.storage.memory import MemoryStore
from slomo_batch.storage.work_layout import Layout

BASIS = Basis(precision="fp32", threads=12, nvenc_works=False)
NAME = "job.json"


def test_a_stored_document_is_read_again_and_so_is_one_of_the_first_version() -> None:
    assert from_stored(Basis, to_stored(BASIS, NAME), NAME) == BASIS
    assert from_stored(Basis, to_json(BASIS), NAME) == BASIS
    assert from_stored(Basis, b" " + to_json(BASIS) + b"\n", NAME) == BASIS


def test_no_bit_can_be_changed_and_the_document_be_read_as_another() -> None:
    data = to_stored(BASIS, NAME)
    for place in range(8 * len(data)):
        altered = bytearray(data)
        altered[place // 8] ^= 1 << place % 8
        try:
            assert from_stored(Basis, bytes(altered), NAME) == BASIS
        except ValueError:
            continue


@pytest.mark.parametrize("length", [0, 1, 20, 60, 90])
def test_a_document_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_stored(Basis, to_stored(BASIS, NAME)[:length], NAME)


@pytest.mark.parametrize(("data", "says"), [(b"", "Invalid JSON"), (b"{}", "precision: Field required")])
def test_a_document_that_cannot_be_read_is_explained_in_a_few_words(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        from_stored(Basis, data, NAME)
    assert "pydantic" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_document_under_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="belongs under another key"):
        from_stored(Basis, to_stored(BASIS, NAME), "jobs.json")


def test_a_damaged_version_is_damage_and_not_a_newer_version(monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = MemoryStore(), Layout("job").job
    written = to_stored(BASIS, NAME)
    store.put(key, written.replace(b'"version":%d' % VERSION, b'"version":%d' % (VERSION + 1)))
    with pytest.raises(WorkDamaged, match="checksum"):
        committed(store, key, Basis)
    with monkeypatch.context() as newer:
        newer.setattr("slomo_batch.serialization.VERSION", VERSION + 1)
        store.put(key, to_stored(BASIS, NAME))
    with pytest.raises(StoreUnusable, match="newer version"):
        committed(store, key, Basis)
