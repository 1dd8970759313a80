"""The estimate of S3 requests, calculated by hand. tests/end_to_end/test_requests.py compares with a real job."""

import pytest

from slomo_batch.plan.s3_requests import (
    BLOCK_BYTES,
    MULTIPART_FROM_BYTES,
    PART_BYTES,
    S3Requests,
    of_driving,
    of_output,
    of_source,
    of_work,
    price_usd,
)


def test_a_source_is_read_by_the_block_once_to_cut_it_and_a_little_or_all_to_plan_it() -> None:
    assert of_source(20 * BLOCK_BYTES, has_index=True) == S3Requests(get=28)
    assert of_source(10 * BLOCK_BYTES, has_index=False) == S3Requests(get=20)
    assert of_source(1, has_index=True) == S3Requests(get=2)


def test_an_output_is_one_request_or_its_parts_and_three_more() -> None:
    assert of_output(MULTIPART_FROM_BYTES) == S3Requests(put=1, get=4)
    assert of_output(MULTIPART_FROM_BYTES + 1) == S3Requests(put=8, get=4)
    assert of_output(1, sidecar=True) == of_output(1) + S3Requests(put=1, get=1)


def test_a_chunk_takes_four_writes_and_seven_reads() -> None:
    fewer, more, many = (of_work(chunks, has_audio=False, chunk_bytes=1, segment_bytes=1) for chunks in (7, 8, 1000))
    assert (more.put - fewer.put, more.get - fewer.get, more.list - fewer.list) == (4, 7, 0)
    assert many.list - more.list == 4, "4,000 objects are listed by the thousand at the end"


def test_large_segments_go_up_and_come_down_in_parts() -> None:
    small = of_work(1, has_audio=False, chunk_bytes=1, segment_bytes=1)
    large = of_work(1, has_audio=False, chunk_bytes=1, segment_bytes=5 * PART_BYTES)
    assert (large.put - small.put, large.get - small.get) == (7, 4)


def test_audio_takes_three_writes_and_nine_reads() -> None:
    silent, audible = (of_work(1, has_audio=audio, chunk_bytes=1, segment_bytes=1) for audio in (False, True))
    assert (audible.put - silent.put, audible.get - silent.get) == (3, 9)


def test_writes_and_listings_cost_more_than_reads_and_deletions_nothing() -> None:
    assert price_usd(S3Requests(put=600, list=400)) == pytest.approx(0.005)
    assert price_usd(S3Requests(get=1000)) == pytest.approx(0.0004)
    assert price_usd(S3Requests(delete=1000)) == 0
    assert price_usd(of_driving(24)) < 0.30
