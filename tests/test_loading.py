"""Loading modules faster: no garbage is collected meanwhile, and their objects are never looked at again."""

import gc
from collections.abc import Iterator

import pytest

from slomo_batch.loading import fast_loading


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_while_modules_load() -> None:
    collections: list[str] = []

    def collected(phase: str, details: dict[str, int]) -> None:
        collections.append(f"{phase} {details}")

    gc.callbacks.append(collected)
    try:
        with fast_loading():
            kept = [[number] for number in range(100_000)]
            during = list(collections)
        more = [[number] for number in range(100_000)]
    finally:
        gc.callbacks.remove(collected)
    assert (len(kept), len(more)) == (100_000, 100_000)
    assert during == []
    assert collections


def test_what_was_loaded_is_left_out_of_later_collections() -> None:
    with fast_loading():
        kept = [[number] for number in range(1000)]
    assert gc.get_freeze_count() > len(kept)


def test_an_error_ends_it_too_and_garbage_collection_that_was_off_remains_off() -> None:
    with pytest.raises(ImportError), fast_loading():
        raise ImportError("no such library")
    assert gc.isenabled()
    gc.disable()
    with fast_loading():
        pass
    assert not gc.isenabled()
