"""Weights of a manifest, fetched as local files."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.interpolators.superslomo.shipped_weights import WEIGHTS
from slomo_batch.steps.job_pin import _fetched
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.memory_store import MemoryStore


@pytest.mark.parametrize("stem", ["w", "w" * 300, "é" * 200])
def test_weights_are_fetched_whatever_the_length_of_their_key(stem: str, tmp_path: Path) -> None:
    key, store = f"weights/{stem}.safetensors", MemoryStore()
    store.put(key, b"weights")
    context = open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))
    path = _fetched(WEIGHTS, f"s3://bucket/{key}", replace(context, locate=lambda _: (store, key)), tmp_path)
    assert (path.read_bytes(), path.suffix) == (b"weights", ".safetensors")
