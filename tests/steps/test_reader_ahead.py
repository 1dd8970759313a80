"""Steps read sources on S3 ahead, and those on disk as before."""

import threading
from pathlib import Path

import pytest

from slomo_batch.media.reader import BLOCK_BYTES
from slomo_batch.records.requests import Source
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.s3_server import S3Server

DATA = bytes(4 * BLOCK_BYTES)


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_only_sources_on_s3_are_read_ahead(place: str, tmp_path: Path, s3: S3Server) -> None:
    folder = Uri(f"s3://{s3.make_bucket()}") if place == "s3" else Uri(tmp_path)
    store = open_store(StoreSpec(uri=folder, options=s3.options()))
    store.put("film.ts", DATA)
    info = store.head("film.ts")
    context = open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job", s3=s3.options()))
    source = Source(uri=store.uri("film.ts"), size_bytes=info.size_bytes, fingerprint=info.fingerprint)
    reader = context.reader(source)
    with reader.reading_ahead():
        assert reader.read() == DATA
        helpers = [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
        assert bool(helpers) == (place == "s3")
    reader.check()
    assert not any(thread.is_alive() for thread in helpers)
