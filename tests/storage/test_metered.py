"""A metered store counts each byte once."""

from pathlib import Path

import pytest

from slomo_batch.errors import ObjectMissing
from slomo_batch.storage.metered import MeteredStore, Traffic
from tests.memory_store import MemoryStore


def test_contents_are_counted_each_way_and_nothing_else(tmp_path: Path) -> None:
    traffic = Traffic()
    store = MeteredStore(MemoryStore(), traffic)
    (tmp_path / "file").write_bytes(b"12345")
    store.put("a", b"1")
    store.put_file("b", tmp_path / "file")
    assert store.put_if_absent("c", b"123")
    assert not store.put_if_absent("c", b"another")
    assert (traffic.read_bytes, traffic.written_bytes) == (0, 9)
    store.get("a")
    store.get_range("b", 1, 3)
    store.get_file("b", tmp_path / "back")
    store.head("b")
    list(store.list())
    with pytest.raises(ObjectMissing):
        store.get("d")
    assert (traffic.read_bytes, traffic.written_bytes) == (8, 9)
