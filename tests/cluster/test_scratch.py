"""Scratch disk as a resource: what machines offer, and what a stitch asks for."""

import pytest

from slomo_batch.cluster.scratch import SCRATCH, ScratchOffer, is_too_much, request_for, scratch_offer

SMALL, LARGE, UNKNOWN = {"CPU": 8.0, SCRATCH: 60.0}, {"CPU": 8.0, SCRATCH: 400.0}, {"CPU": 8.0}
HEAD = {"CPU": 0.0, SCRATCH: 1000.0}
GB = 10**9


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ([], ScratchOffer(largest_gb=0, has_undeclared=True)),
        ([UNKNOWN], ScratchOffer(largest_gb=0, has_undeclared=True)),
        ([SMALL, LARGE], ScratchOffer(largest_gb=400, has_undeclared=False)),
        ([SMALL, UNKNOWN], ScratchOffer(largest_gb=60, has_undeclared=True)),
        ([HEAD, SMALL], ScratchOffer(largest_gb=60, has_undeclared=False)),
    ],
)
def test_the_offer_of_machines_that_run_steps(machines: list[dict[str, float]], expected: ScratchOffer) -> None:
    assert scratch_offer(machines, may_grow=False) == expected


ALL_60 = ScratchOffer(largest_gb=60, has_undeclared=False)
GROWING = ScratchOffer(largest_gb=60, has_undeclared=False, may_grow=True)
SOME_60 = ScratchOffer(largest_gb=60, has_undeclared=True, may_grow=True)


@pytest.mark.parametrize(
    ("num_bytes", "offer", "request_", "too_much"),
    [
        (0, ALL_60, {}, False),
        (1, ALL_60, {SCRATCH: 1}, False),
        (60 * GB, ALL_60, {SCRATCH: 60}, False),
        (60 * GB + 1, ALL_60, {SCRATCH: 61}, True),
        (60 * GB + 1, GROWING, {SCRATCH: 61}, False),
        (60 * GB, SOME_60, {SCRATCH: 60}, False),
        (60 * GB + 1, SOME_60, {}, False),
        (60 * GB, ScratchOffer(), {}, False),
    ],
)
def test_a_stitch_asks_for_whole_gigabytes_unless_a_machine_of_unknown_disk_may_have_them(
    num_bytes: int, offer: ScratchOffer, request_: dict[str, float], *, too_much: bool
) -> None:
    assert request_for(num_bytes, offer) == request_
    assert is_too_much(num_bytes, offer) is too_much
