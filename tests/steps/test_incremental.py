"""An archive that grows: what is published costs listings and nothing else; only what is new or changed is made."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.planning.identity import receipt_id
from slomo_batch.planning.resolving import JobPin
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.find import find_videos
from slomo_batch.steps.triage import Triage, triage
from slomo_batch.storage.layout import Layout
from slomo_batch.storage.location import StoreSpec, open_store
from slomo_batch.storage.memory import MemoryStore
from slomo_batch.storage.store import ObjectStore
from tests.s3_server import S3Server, recording

LAYOUT = Layout("archive")
PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, weights={})
PER_LISTING = 1000


class Archive:
    """Sources and outputs in a bucket, a work place beside them, and the job that is made of them."""

    def __init__(self, store: ObjectStore, work: ObjectStore, bucket: str) -> None:
        self.store, self.work, self.bucket = store, work, bucket
        self.manifest = _manifest(bucket)
        self.bench = Bench(
            work=work,
            layout=LAYOUT,
            locate=lambda uri: (store, uri.removeprefix(f"s3://{bucket}/")),
            interpolator=_unused,
            machine=_unused,
            scratch=Path("unused"),
        )

    def fill(self, number: int) -> None:
        """So many sources, all published."""
        _all(lambda n: self.store.put(_source(n), b"video %d" % n), number)
        requests = find_videos(self.manifest, self.bench.locate).requests
        assert len(requests) == number
        receipts = [LAYOUT.receipt(receipt_id(request, "")) for request in requests]
        _all(lambda n: self.work.put(receipts[n], b"{}"), number)
        _all(lambda n: self.store.put(f"slow/{n // 500:03d}/{n:06d}.slomo.mp4", b"output"), number)

    def look(self, **flags: bool) -> Triage:
        """What a run would do."""
        found = find_videos(self.manifest, self.bench.locate)
        return triage(found.requests, PIN, self.bench, retry_failed=False, **flags)


class Bucket(MemoryStore):
    """In memory, under the URI of a bucket."""

    def uri(self, key: str) -> str:
        return f"s3://bucket/{key}"


def _source(number: int) -> str:
    return f"archive/{number // 500:03d}/{number:06d}.mp4"


def _manifest(bucket: str) -> Manifest:
    text = (
        f"version: 1\nname: archive\ninputs: [{{uri: 's3://{bucket}/archive/**/*.mp4'}}]\nwork: s3://{bucket}/work\n"
        f"output: {{uri: 's3://{bucket}/slow/{{relpath}}/{{stem}}.slomo.mp4'}}\ninterpolate: {{method: blend}}\n"
    )
    return load(text, where="manifest.yaml")


def _all(put: Callable[[int], None], number: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(put, range(number)):
            pass


def _unused(_: Any) -> Any:
    raise AssertionError("nothing is made here")


@pytest.mark.parametrize("number", [30, pytest.param(5050, marks=pytest.mark.simulate)])
def test_a_run_over_a_published_archive_makes_what_is_new_or_changed_for_a_listing_per_thousand(
    number: int, s3: S3Server
) -> None:
    bucket = s3.make_bucket()

    def archive_on(server: S3Server) -> Archive:
        store, work = (
            open_store(StoreSpec(uri=uri, options=server.options()))
            for uri in (f"s3://{bucket}", f"s3://{bucket}/work")
        )
        return Archive(store, work, bucket)

    archive = archive_on(s3)
    archive.fill(number)
    store = archive.store
    store.put("archive/000/new.mp4", b"a video that was not there")
    store.put(_source(7), b"another video under an old name")
    with recording(s3) as (before, seen):
        piles = archive_on(before).look()
    assert [wanted.request.source.uri for wanted in piles.wanted] == [f"s3://{bucket}/archive/000/new.mp4"]
    assert [refused.failed.error for refused in piles.refused] == ["OutputExists"], "a changed source, by default"
    assert len(piles.done) == number - 1
    pages = -(-(number + 1) // PER_LISTING)
    # Sources, outputs, receipts; no failures; for the changed one, whether this job had begun to put it there.
    listings = [request for request in seen if "list-type=2" in request.path]
    assert 3 * pages + 1 <= len(listings) <= 3 * pages + 2
    others = {f"{request.method} {request.path}" for request in seen if request not in listings}
    # A pattern is looked up as a name too, for there may be a file of that name.
    assert not {other for other in others if "publishing.json" not in other and "%2A%2A" not in other}


def test_force_makes_everything_again_and_replaces_only_what_this_job_published() -> None:
    archive = Archive(Bucket(), MemoryStore(), "bucket")
    archive.fill(20)
    archive.store.put("archive/000/other.mp4", b"another")
    archive.store.put("slow/000/other.slomo.mp4", b"somebody else's")
    assert (len(archive.look().done), len(archive.look().wanted)) == (20, 0)
    piles = archive.look(force=True)
    assert not piles.done
    assert [wanted.afresh for wanted in piles.wanted] == [True] * 20
    assert [refused.failed.source_uri for refused in piles.refused] == ["s3://bucket/archive/000/other.mp4"]


@pytest.mark.simulate
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_published_videos_are_told_from_a_new_one_in_little_memory() -> None:
    archive = Archive(Bucket(), MemoryStore(), "bucket")
    archive.fill(100_000)
    archive.store.put("archive/000/new.mp4", b"a video that was not there")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.thread_time()
    piles = archive.look()
    took_s, more = time.thread_time() - began_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (len(piles.done), len(piles.wanted)) == (100_000, 1)
    assert more * 1024 < 1 << 30
    print(f"\n100,000 videos: {took_s:.0f} s of CPU, {more / 1024:.0f} MiB more")  # noqa: T201 what is measured
