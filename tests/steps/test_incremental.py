"""An archive that grows: what is published costs listings and nothing else; only what is new or changed is made."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.commands.triage import Triage, triage
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan.ids import receipt_id
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import OutputOwnership
from slomo_batch.serialization import from_json
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.output_ownership import record_ownership
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.memory_store import MemoryStore
from tests.s3_server import S3Server, recording

LAYOUT = Layout("archive")
PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods={"blend": MethodPin()})
PER_LISTING = 1000


class Archive:
    """Sources and outputs in a bucket, a work place beside them, and the job that is made of them."""

    def __init__(self, store: ObjectStore, work: ObjectStore, bucket: str) -> None:
        self.store, self.work, self.bucket = store, work, bucket
        self.manifest = _manifest(bucket)
        self.context = StepContext(
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
        requests = find_videos(self.manifest, self.context.locate).requests
        assert len(requests) == number
        receipts = [LAYOUT.receipt(receipt_id(request, "")) for request in requests]
        _all(lambda n: self.work.put(receipts[n], b"{}"), number)
        _all(lambda n: self._own(requests[n]), number)

    def _own(self, request: VideoRequest) -> None:
        store, key = self.context.locate(request.output_uri)
        store.put(key, b"output")
        record = OutputOwnership(
            output_uri=request.output_uri, source=request.source, video_id="v", receipt_id=receipt_id(request, "")
        )
        record_ownership(record, store.head(key), self.context)

    def triaged(self, *, force: bool = False) -> Triage:
        """What a run would do."""
        found = find_videos(self.manifest, self.context.locate)
        return triage(found.requests, PIN, self.context, retry_failed=False, force=force)


class Bucket(MemoryStore):
    """In memory, under the URI of a bucket."""

    def uri(self, key: str) -> Uri:
        return Uri.on_s3("bucket", key)


def _source(number: int) -> str:
    return f"archive/{number // 500:03d}/{number:06d}.mp4"


def _output(number: int) -> str:
    return f"slow/{number // 500:03d}/{number:06d}.slomo.mp4"


def _manifest(bucket: str, sections: str = "", *, exists: str = "skip") -> Manifest:
    text = (
        f"version: 1\nname: archive\ninputs: [{{uri: 's3://{bucket}/archive/**/*.mp4'}}]\nwork: s3://{bucket}/work\n"
        f"output: {{uri: 's3://{bucket}/slow/{{relpath}}/{{stem}}.slomo.mp4', exists: {exists}}}\n"
        f"interpolate: {{method: blend}}\n{sections}"
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
            open_store(StoreSpec(uri=Uri(uri), options=server.options()))
            for uri in (f"s3://{bucket}", f"s3://{bucket}/work")
        )
        return Archive(store, work, bucket)

    archive = archive_on(s3)
    archive.fill(number)
    store = archive.store
    store.put("archive/000/new.mp4", b"a video that was not there")
    store.put(_source(7), b"another video under an old name")
    with recording(s3) as (before, seen):
        piles = archive_on(before).triaged()
    wanted = {wanted.request.source.uri.removeprefix(f"s3://{bucket}/"): wanted.changed for wanted in piles.wanted}
    assert wanted == {"archive/000/new.mp4": False, _source(7): True}
    assert not piles.refused
    assert len(piles.done) == number - 1
    pages = -(-(number + 1) // PER_LISTING)
    # Sources, outputs, receipts; no failures. For the changed one, whether its output is this job's.
    listings = [request for request in seen if "list-type=2" in request.path]
    assert 3 * pages + 1 <= len(listings) <= 3 * pages + 2
    # A pattern is looked up as a name too, for there may be a file of that name.
    others = [request.path for request in seen if request not in listings and "%2A%2A" not in request.path]
    of_the_changed = ("/publishing.json", "/slow/000/000007.slomo.mp4", "/owned/")
    assert [sum(part in other for other in others) for part in of_the_changed] == [1, 1, 1]
    assert len(others) == len(of_the_changed)


def test_force_makes_everything_again_and_replaces_only_what_this_job_published() -> None:
    archive = Archive(Bucket(), MemoryStore(), "bucket")
    archive.fill(20)
    archive.store.put("archive/000/other.mp4", b"another")
    archive.store.put("slow/000/other.slomo.mp4", b"somebody else's")
    assert (len(archive.triaged().done), len(archive.triaged().wanted)) == (20, 0)
    piles = archive.triaged(force=True)
    assert not piles.done
    assert [wanted.remake for wanted in piles.wanted] == [True] * 20
    assert [refused.failed.source_uri for refused in piles.refused] == ["s3://bucket/archive/000/other.mp4"]


def test_what_is_not_an_earlier_version_of_the_same_output_is_refused() -> None:
    archive = Archive(Bucket(), MemoryStore(), "bucket")
    archive.fill(6)
    for number in range(1, 6):
        archive.store.put(_source(number), b"changed")
    archive.store.put(_output(2), b"touched")
    archive.store.put(_output(3), b"touched, and put back")
    archive.store.put(_output(3), b"output")
    archive.work.delete([found.key for found in archive.work.list(LAYOUT.root) if _is_of(4, found.key, archive)])
    assert _changed(archive.triaged()) == _changed(archive.triaged(force=True)) == [1, 3, 5]
    archive.manifest = _manifest("bucket", "retime: {slowdown: 3}\n")
    assert (_changed(archive.triaged()), len(archive.triaged().refused)) == ([], 6)
    archive.manifest = _manifest("bucket", exists="fail")
    assert (_changed(archive.triaged()), len(archive.triaged().refused)) == ([], 5)


def _is_of(number: int, key: str, archive: Archive) -> bool:
    """Whether a key is that of the record of an output, as if the job had ended before there were any."""
    return "/owned/" in key and from_json(OutputOwnership, archive.work.get(key)).source.uri.endswith(_source(number))


def _changed(piles: Triage) -> list[int]:
    return [int(Path(wanted.request.source.uri).stem) for wanted in piles.wanted if wanted.changed]


@pytest.mark.simulate
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_published_videos_are_told_from_a_new_one_in_little_memory() -> None:
    archive = Archive(Bucket(), MemoryStore(), "bucket")
    archive.fill(100_000)
    archive.store.put("archive/000/new.mp4", b"a video that was not there")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.thread_time()
    piles = archive.triaged()
    took_s, more = time.thread_time() - began_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (len(piles.done), len(piles.wanted)) == (100_000, 1)
    assert more * 1024 < 1 << 30
    print(f"\n100,000 videos: {took_s:.0f} s of CPU, {more / 1024:.0f} MiB more")  # noqa: T201 what is measured
