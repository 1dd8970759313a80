"""What Ray was given counts as overdue only if a machine had room for it all the time."""

from slomo_batch.scheduler.room_watch import BEGIN_S, LOOK_EVERY_S, RoomWatch, Unbegun

STEP = Unbegun(needs={"CPU": 1.0})
FREE, BUSY = {"a": {"CPU": 2.0}}, {"a": {"CPU": 0.0}, "b": {}}


def test_what_has_room_at_every_look_is_overdue_in_the_end() -> None:
    watch = RoomWatch()
    assert watch.overdue({"step": STEP}, FREE, 0.0) == []
    assert watch.overdue({"step": STEP}, FREE, BEGIN_S) == []
    assert watch.overdue({"step": STEP, "new": STEP}, FREE, BEGIN_S + LOOK_EVERY_S) == ["step"]


def test_what_waited_without_room_for_a_moment_waits_from_then_on() -> None:
    watch = RoomWatch()
    assert watch.overdue({"step": STEP}, FREE, 0.0) == []
    assert watch.overdue({"step": STEP}, BUSY, 300.0) == []
    assert watch.overdue({"step": STEP}, FREE, 400.0) == []
    assert watch.overdue({"step": STEP}, FREE, 400.0 + BEGIN_S) == []
    assert watch.overdue({"step": STEP}, FREE, 401.0 + BEGIN_S) == ["step"]


def test_room_on_a_machine_that_is_avoided_or_too_small_is_no_room() -> None:
    disk = Unbegun(needs={"CPU": 1.0, "scratch_gb": 50.0})
    assert not Unbegun(needs={"CPU": 1.0}, kept_off=frozenset({"a"})).fits(FREE)
    assert not disk.fits(FREE)
    assert not disk.fits({"a": {"CPU": 2.0, "scratch_gb": 49.0}, "b": {"scratch_gb": 90.0}})
    assert disk.fits({"a": {"CPU": 2.0, "scratch_gb": 49.0}, "b": {"CPU": 1.0, "scratch_gb": 90.0}})
