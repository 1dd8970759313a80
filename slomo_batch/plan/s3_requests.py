"""Requests: what a job asks of S3, by the kinds that AWS bills, before anything is made; and their price.

What is counted here is what the steps send when nothing fails: one attempt at everything. A video costs

    source   a GET per block, once to plan it and once to cut it (twice whole where its container has no index)
    work     per chunk 3 writes (its packets, its segment, its commit) and what reads them; some for the video
    output   one upload

and a driver whose work place is on S3 says that it lives and where the job stands, hour by hour. A large object takes
one request per part. `tests/end_to_end/test_requests.py` holds this to what a real job sent.
"""

from dataclasses import dataclass

PRICED = "list prices of S3 Standard in us-east-1"
"""As they stood on aws.amazon.com/s3/pricing in 2025, for years unchanged; other regions cost up to twice as much."""
USD_PER_1000_WRITES = 0.005
"""PUT, COPY, POST and LIST requests."""
USD_PER_1000_READS = 0.0004
"""GET, HEAD and all others; DELETE costs nothing."""

BLOCK_BYTES = 1 << 20
"""Of a source, read with one request."""
HEADER_BLOCKS = 2
"""That planning reads of a source whose container has an index: its head, and where the index is."""
PART_BYTES = 16 << 20
"""Of a large object, down or up."""
MULTIPART_FROM_BYTES = 64 << 20
"""Above this a file is uploaded in parts, with requests that begin and end it and the record that it is under way."""
LISTED_AT_ONCE = 1000

BEATS_PER_HOUR = 720
"""Signs of life, each with a look for a driver that took over; as many reports for `status`."""
PARTS_PER_HOUR = 60
"""Of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Requests:
    """How many requests go to S3, by the kinds that are billed."""

    list: int = 0
    put: int = 0
    """PUT, COPY and POST, but for deletions."""
    get: int = 0
    """GET and HEAD."""
    delete: int = 0
    """Of one object or of up to 1,000 at a time."""

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
    """What they cost at the prices named above; storage and traffic are billed beside them."""
    writes, reads = requests.put + requests.list, requests.get
    return writes / 1000 * USD_PER_1000_WRITES + reads / 1000 * USD_PER_1000_READS


def of_source(size_bytes: int, *, has_index: bool) -> S3Requests:
    """A source on S3 that is planned and cut."""
    blocks = _parts(size_bytes, BLOCK_BYTES)
    return S3Requests(get=blocks + (min(blocks, HEADER_BLOCKS) if has_index else blocks))


def of_work(num_chunks: int, *, has_sound: bool, chunk_bytes: int, segment_bytes: int) -> S3Requests:
    """All that the steps of one video ask of a work place on S3; bytes are those of one chunk's packets and segment."""
    per_chunk = _stored_and_fetched(chunk_bytes) + _stored_and_fetched(segment_bytes) + _committed(num_reads=2)
    # Put: index, publishing, whose output it is. Committed: plan, choice, receipt. Read: lane, and the index to cut by.
    records = S3Requests(put=3, get=2) + _committed(num_reads=1) + _committed(num_reads=0) + _committed(num_reads=2)
    objects_at_end = 3 * num_chunks + (10 if has_sound else 6)
    around = S3Requests(list=1 + _parts(objects_at_end, LISTED_AT_ONCE), delete=1)
    return per_chunk * num_chunks + records + around + (_of_sound() if has_sound else S3Requests())


def of_output(size_bytes: int) -> S3Requests:
    """An output on S3 that is published where nothing stood: looked for, uploaded, and looked at."""
    return S3Requests(put=_puts(size_bytes), get=4)


def of_driving(hours: float) -> S3Requests:
    """What the driver itself tells a work place on S3."""
    beats = round(hours * BEATS_PER_HOUR)
    return S3Requests(list=beats, put=2 * beats + round(hours * PARTS_PER_HOUR))


def _of_sound() -> S3Requests:
    """Its packets and its tracks, small; its commit, read by open, sound and stitch; the index once more."""
    return _stored_and_fetched(1) + _stored_and_fetched(1) + _committed(num_reads=3) + S3Requests(get=1)


def _stored_and_fetched(size_bytes: int) -> S3Requests:
    """A file that is uploaded, looked at, looked for and downloaded."""
    return S3Requests(put=_puts(size_bytes), get=2 + _parts(size_bytes, PART_BYTES))


def _committed(*, num_reads: int) -> S3Requests:
    """A record put if absent and read back, and read so many times beside that."""
    return S3Requests(put=1, get=1 + num_reads)


def _puts(size_bytes: int) -> int:
    return 1 if size_bytes <= MULTIPART_FROM_BYTES else 3 + _parts(size_bytes, PART_BYTES)


def _parts(size: int, part: int) -> int:
    return max(1, -(-size // part))
