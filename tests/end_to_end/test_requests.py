"""A job sends the requests to S3 that `plan` predicts: a real job, its requests counted by a proxy."""

import io
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

import pytest

from slomo_batch.commands import plan, run
from slomo_batch.commands.ledger_parts import ledger_of
from slomo_batch.commands.run_end import EXIT_PUBLISHED
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.media.reader import BLOCK_BYTES
from slomo_batch.plan import s3_requests
from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.report.json_log import JsonDisplay
from slomo_batch.report.pages.s3_history import requests_of
from slomo_batch.storage import s3_parts, s3_upload
from slomo_batch.storage.existence import OBJECTS_PER_LISTING
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.uri import Uri
from slomo_batch.wiring import environment_of, open_context
from tests.clips.catalogue import clip
from tests.s3_server import Request, S3Server, recording

PAIRS = 8
MOST_TAKEN_S = 600


def _manifest(server: S3Server, bucket: str, duplicates: str = "keep") -> Manifest:
    text = (
        f"version: 1\nname: job\ninputs: [{{uri: 's3://{bucket}/in/*'}}]\nwork: s3://{bucket}/work\n"
        f"output: {{uri: 's3://{bucket}/slow/{{stem}}.mkv'}}\n"
        f"interpolate: {{method: duplicate, duplicates: {duplicates}}}\n"
        f"encode: {{codec: ffv1}}\nretime: {{slowdown: 2}}\nchunks: {{pairs: {PAIRS}}}\n"
        f"cluster: {{address: inline}}\nstorage: {{endpoint_url: '{server.endpoint}', addressing_style: path}}\n"
    )
    return load(text, where="manifest.yaml")


def _of_a_video(request: Request) -> bool:
    """Whether it is for one video: its source, its objects in the work place, its output. Not so the deletions,
    which do not name what they are for, nor the look for a file that is called like the pattern."""
    asked = urlsplit(request.path)
    [name] = parse_qs(asked.query).get("prefix", [asked.path])
    of_work = any(
        f"/{folder}/" in name and not name.endswith(f"/{folder}/") for folder in ("videos", "receipts", "owned")
    )
    return of_work or (
        ("/in/" in name or "/slow/" in name)
        and "list-type" not in asked.query
        and ".probe" not in name
        and "%2A" not in name
    )


def _billed(seen: Iterable[Request]) -> S3Requests:
    kinds = Counter(
        "list"
        if "list-type=2" in request.path
        else "delete"
        if request.method == "POST" and "delete" in urlsplit(request.path).query
        else {"GET": "get", "HEAD": "get", "PUT": "put", "POST": "put"}[request.method]
        for request in seen
    )
    return S3Requests(**kinds)


@pytest.mark.parametrize("duplicates", ["keep", "retime"])
def test_a_job_sends_the_requests_that_its_plan_predicts(duplicates: str, s3: S3Server) -> None:
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    for name in ("cfr", "no_audio"):
        store.put(f"in/{name}.mp4", clip(name).data)
    rows = plan.plan(_manifest(s3, bucket, duplicates)).rows
    predicted = sum((row.s3_requests for row in rows), S3Requests())
    with recording(s3) as (before, seen):
        manifest, display = _manifest(before, bucket, duplicates), JsonDisplay(io.StringIO(), job="job")
        assert run.run(manifest, display=display) == EXIT_PUBLISHED
    assert min(row.num_chunks for row in rows) >= 2
    sent = _billed(request for request in seen if _of_a_video(request))
    assert (sent.list, sent.put) == (predicted.list, predicted.put)
    assert sent.get == predicted.get
    # The report knows attempts and bytes only, not what each step looked up.
    ledger = ledger_of(open_context(environment_of(_manifest(s3, bucket, duplicates))))
    reported = requests_of(ledger, work_is_billed=True, run_s=0.0)
    assert (reported.list, reported.put) == (sent.list, sent.put)
    assert reported.get == pytest.approx(sent.get, rel=0.1)
    # The others are the driver's: listings, checks of the store, and its heartbeats and status every few seconds.
    whole = _billed(seen)
    once, per_hour = S3Requests(list=20, put=60, get=90), s3_requests.of_driving(MOST_TAKEN_S / 3600)
    assert whole.put - sent.put <= once.put + per_hour.put
    assert whole.list - sent.list <= once.list + per_hour.list
    assert whole.get - sent.get <= once.get
    assert predicted.delete <= whole.delete <= predicted.delete + 20


def test_sizes_are_those_that_the_stores_go_by() -> None:
    assert s3_requests.PART_BYTES == s3_parts.PART_BYTES
    assert s3_requests.MULTIPART_FROM_BYTES == s3_upload.MULTIPART_FROM_BYTES
    assert (s3_requests.BLOCK_BYTES, s3_requests.LISTED_AT_ONCE) == (BLOCK_BYTES, OBJECTS_PER_LISTING)
