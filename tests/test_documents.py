"""Stored documents: what was altered, or is under another key, is found out."""

import pytest

from slomo_batch.documents import from_stored, to_json, to_stored
from slomo_batch.steps.pin import Basis

BASIS = Basis(precision="fp32", threads=12, nvenc_works=False)
NAME = "job.json"


def test_a_stored_document_is_read_again_and_so_is_one_of_the_first_version() -> None:
    assert from_stored(Basis, to_stored(BASIS, NAME), NAME) == BASIS
    assert from_stored(Basis, to_json(BASIS), NAME) == BASIS
    assert from_stored(Basis, b" " + to_json(BASIS) + b"\n", NAME) == BASIS


def test_no_bit_can_be_changed_and_the_document_be_read_as_another() -> None:
    data = to_stored(BASIS, NAME)
    for place in range(8 * len(data)):
        altered = bytearray(data)
        altered[place // 8] ^= 1 << place % 8
        try:
            assert from_stored(Basis, bytes(altered), NAME) == BASIS
        except ValueError:
            continue


@pytest.mark.parametrize("length", [0, 1, 20, 60, 90])
def test_a_document_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_stored(Basis, to_stored(BASIS, NAME)[:length], NAME)


def test_a_document_under_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="belongs under another key"):
        from_stored(Basis, to_stored(BASIS, NAME), "jobs.json")
