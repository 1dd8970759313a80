"""An estimate of the S3 requests of a job, by the kinds that AWS bills, and their price.

It counts what the steps send if nothing fails: one attempt at everything. A video costs

    source   a GET per block, once to plan it and once to cut it (twice whole where its container has no index)
    work     per chunk 4 writes (packets, segment, strip, commit) and what reads them; some for the video
    output   one upload

and a driver with its work place on S3 writes heartbeats and progress every hour. A large object needs one request per
part. `tests/end_to_end/test_requests.py` compares the estimate with the requests of a real job.
"""

from dataclasses import dataclass

PRICED = "list prices of S3 Standard in us-east-1"
"""From aws.amazon.com/s3/pricing in 2025, unchanged for years. Other regions cost up to twice as much."""
USD_PER_1000_WRITES = 0.005
"""PUT, COPY, POST and LIST requests."""
USD_PER_1000_READS = 0.0004
"""GET, HEAD and all others; DELETE costs nothing."""

BLOCK_BYTES = 1 << 20
"""Bytes of a source that one request reads."""
HEADER_BLOCKS = 8
"""Blocks that planning reads of a source whose container has an index: its start, its index, and pictures in the middle
and near the end."""
PART_BYTES = 16 << 20
"""Bytes of a part of a large object, in both directions."""
MULTIPART_FROM_BYTES = 64 << 20
"""A larger file is uploaded in parts. That adds the requests that begin and end it, and a record of the upload."""
LISTED_AT_ONCE = 1000

BEATS_PER_HOUR = 720
"""Heartbeats, each with a check for a driver that took over; as many progress records for `status`."""
PARTS_PER_HOUR = 60
"""Parts of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Requests:
    """Numbers of requests to S3, by the kinds that are billed."""

    list: int = 0
    put: int = 0
    """PUT, COPY and POST, except deletions."""
    get: int = 0
    """GET and HEAD."""
    delete: int = 0
    """Deletions, of one object or of up to 1,000."""

    def __add__(self, other: "S3Requests") -> "S3Requests":
        return S3Requests(
            list=self.list + other.list,
            put=self.put + other.put,
            get=self.get + other.get,
            delete=self.delete + other.delete,
        )

    def __mul__(self, times: int) -> "S3Requests":
        return S3Requests(
            list=self.list * times, put=self.put * times, get=self.get * times, delete=self.delete * times
        )


def price_usd(requests: S3Requests) -> float:
    """Return the price of the requests. Storage and traffic are billed in addition."""
    writes, reads = requests.put + requests.list, requests.get
    return writes / 1000 * USD_PER_1000_WRITES + reads / 1000 * USD_PER_1000_READS


def of_source(size_bytes: int, *, has_index: bool, is_surveyed: bool = False) -> S3Requests:
    """Count the requests for a source on S3: it is planned and split.

    With a survey, it is read whole once more, and its header is read three times.
    """
    blocks = _parts(size_bytes, BLOCK_BYTES)
    to_plan = min(blocks, HEADER_BLOCKS) if has_index else blocks
    return S3Requests(get=2 * blocks + 3 * to_plan if is_surveyed else blocks + to_plan)


def of_work(
    num_chunks: int,
    *,
    has_audio: bool,
    chunk_bytes: int,
    segment_bytes: int,
    is_surveyed: bool = False,
    num_earlier: int = 0,
) -> S3Requests:
    """Count the requests of one video to a work place on S3. Bytes are those of one chunk's packets and segment.

    `num_earlier`: ids that earlier versions would have given it. Their plans are looked for each time that it is
    opened, and their uploads once.
    """
    strip = S3Requests(put=1)
    per_chunk = _stored_and_fetched(chunk_bytes) + _stored_and_fetched(segment_bytes) + strip + _committed(num_reads=2)
    # Put: index, publishing, ownership. Committed: plan, choice, receipt. Read: lane, and the index for the split.
    records = S3Requests(put=3, get=2) + _committed(num_reads=1) + _committed(num_reads=0) + _committed(num_reads=2)
    objects_at_end = 4 * num_chunks + (10 if has_audio else 6)
    records += S3Requests(get=(3 if is_surveyed else 2) * num_earlier)
    if is_surveyed:  # looked for twice before it is made, as the plan is once more; read by the plan and by the split
        records += _committed(num_reads=2) + S3Requests(get=3)
    around = S3Requests(list=1 + _parts(objects_at_end, LISTED_AT_ONCE), delete=1)
    return per_chunk * num_chunks + records + around + (_of_audio() if has_audio else S3Requests())


def of_output(size_bytes: int, *, sidecar: bool = False) -> S3Requests:
    """Count the requests for an output on S3 that did not exist before: checks, upload, verification, its sidecar."""
    beside = S3Requests(put=1, get=1) if sidecar else S3Requests()
    return S3Requests(put=_puts(size_bytes), get=4) + beside


def of_driving(hours: float) -> S3Requests:
    """Count the requests of the driver to a work place on S3."""
    beats = round(hours * BEATS_PER_HOUR)
    return S3Requests(list=beats, put=2 * beats + round(hours * PARTS_PER_HOUR))


def _of_audio() -> S3Requests:
    """Count the requests for audio: packets and tracks, which are small; the commit, read by three steps; the index."""
    return _stored_and_fetched(1) + _stored_and_fetched(1) + _committed(num_reads=3) + S3Requests(get=1)


def _stored_and_fetched(size_bytes: int) -> S3Requests:
    """Count the requests for a file that is uploaded, verified and downloaded."""
    return S3Requests(put=_puts(size_bytes), get=1 + _parts(size_bytes, PART_BYTES))


def _committed(*, num_reads: int) -> S3Requests:
    """Count the requests for a record that is put if absent, read back, and read `num_reads` more times."""
    return S3Requests(put=1, get=1 + num_reads)


def _puts(size_bytes: int) -> int:
    return 1 if size_bytes <= MULTIPART_FROM_BYTES else 3 + _parts(size_bytes, PART_BYTES)


def _parts(size: int, part: int) -> int:
    return max(1, -(-size // part))
