"""Placement: chunks go to the least busy workers; an isolated one gets a machine to itself while others go on."""

from slomo_batch.scheduler.placement import Placement

HOMES = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
NOWHERE: frozenset[str] = frozenset()


def workers(homes: dict[str, str] = HOMES, *, slots: int = 2) -> Placement[str, str]:
    placement: Placement[str, str] = Placement(slots=slots)
    for worker, machine in homes.items():
        placement.up(worker, machine)
    return placement


def taken(placement: Placement[str, str], number: int) -> list[str]:
    return [placement.take() for _ in range(number)]


def test_chunks_go_to_the_workers_that_hold_the_fewest_until_all_are_full() -> None:
    placement = workers()
    assert placement.room == 8
    assert sorted(taken(placement, 4)) == sorted(HOMES)
    assert sorted(taken(placement, 4)) == sorted(HOMES)
    assert placement.room == 0
    placement.freed("b1")
    assert placement.take() == "b1"


def test_an_isolated_chunk_gets_an_idle_machine_at_once() -> None:
    placement = workers()
    assert placement.take() == "a1"
    placement.reserve("chunk", avoid=NOWHERE)
    [(chunk, worker)] = placement.cleared()
    assert (chunk, HOMES[worker]) == ("chunk", "b")
    assert placement.room == 3, "only machine a takes more"
    assert placement.cleared() == []


def test_an_isolated_chunk_waits_for_the_chunks_on_its_machine_while_the_other_continues() -> None:
    placement = workers()
    taken(placement, 8)
    placement.reserve("chunk", avoid={"a"})
    for worker in ("b1", "b1", "b2", "a1"):
        placement.freed(worker)
        assert placement.cleared() == []
    assert placement.room == 1
    assert placement.take() == "a1"
    placement.freed("b2")
    [(_, worker)] = placement.cleared()
    assert HOMES[worker] == "b"
    assert placement.room == 0
    placement.freed(worker)
    assert placement.room == 4, "machine b is open again"


def test_an_isolated_chunk_returns_to_its_failed_machine_only_if_there_is_no_other() -> None:
    placement = workers()
    placement.reserve("one", avoid={"a"})
    placement.reserve("other", avoid={"b"})
    assert {(chunk, HOMES[worker]) for chunk, worker in placement.cleared()} == {("one", "b"), ("other", "a")}
    assert (placement.room, placement.isolated_room) == (0, 0)
    single = workers({"a1": "a"})
    single.reserve("chunk", avoid={"a"})
    assert single.cleared() == [("chunk", "a1")]


def test_an_isolated_chunk_whose_machine_goes_gets_another() -> None:
    placement = workers(slots=1)
    taken(placement, 4)
    placement.reserve("chunk", avoid={"a"})
    placement.leave({"b"})
    for worker in ("b1", "b2", "a1", "a2"):
        placement.freed(worker)
    [(_, worker)] = placement.cleared()
    assert HOMES[worker] == "a"
    placement.gone(worker)
    assert placement.room == 1, "its worker died with it: the other one of machine a takes chunks again"
    placement.reserve("chunk", avoid={"a"})
    placement.gone({"a1": "a2", "a2": "a1"}[worker])
    assert placement.cleared() == []
    placement.up("c1", "c")
    assert placement.cleared() == [("chunk", "c1")]


def test_an_idle_worker_that_leaves_does_not_release_the_machine_of_an_isolated_chunk() -> None:
    placement = workers({"a1": "a", "a2": "a"})
    placement.reserve("chunk", avoid=NOWHERE)
    [(_, worker)] = placement.cleared()
    placement.gone({"a1": "a2", "a2": "a1"}[worker])
    assert placement.room == 0
    placement.freed(worker)
    assert placement.room == 2


def test_a_machine_about_to_leave_gets_no_new_chunks_until_it_stays_after_all() -> None:
    placement = workers()
    placement.leave({"a"})
    assert (placement.room, placement.isolated_room) == (4, 1)
    placement.up("a3", "a")
    assert placement.room == 4
    placement.leave(NOWHERE)
    assert placement.room == 10


def test_a_worker_is_idle_if_it_holds_no_chunk_and_is_not_reserved_for_an_isolated_chunk() -> None:
    placement = workers()
    assert placement.take() == "a1"
    assert [worker for worker in HOMES if placement.is_idle(worker)] == ["a2", "b1", "b2"]
    placement.reserve("chunk", avoid=NOWHERE)
    assert [worker for worker in HOMES if placement.is_idle(worker)] == ["a2"]


def test_a_chunk_that_failed_on_a_machine_waits_for_another_if_there_is_one() -> None:
    placement = workers({"a1": "a", "b1": "b"}, slots=1)
    assert placement.take_elsewhere({"a"}) == "b1"
    assert placement.take_elsewhere({"a"}) is None
    assert placement.take_elsewhere({"a", "b"}) == "a1"
    placement.freed("a1")
    placement.leave({"b"})
    assert placement.take_elsewhere({"a"}) == "a1", "the other machine goes"
    assert placement.take_elsewhere({"a"}) is None, "nothing is free"


def test_late_events_of_a_lost_worker_change_nothing() -> None:
    placement = workers()
    placement.take()
    placement.gone("a1")
    placement.gone("a1")
    placement.freed("a1")
    assert placement.room == 6


def test_a_chunk_queues_behind_another_only_while_every_other_worker_can_get_one() -> None:
    placement = workers()
    assert placement.room_for(100) == 8
    assert placement.room_for(9) == 6, "two behind others; three stay for the first free worker"
    assert placement.room_for(4) == 4
    taken(placement, 4)
    assert placement.room_for(3) == 0, "one for each other worker, who may be free long before this one"
    assert placement.room_for(4) == 1
    placement.freed("b1")
    assert placement.room_for(3) == 1
    assert placement.take() == "b1"


def test_a_single_worker_gets_all_that_it_can_hold() -> None:
    placement = workers({"a1": "a"}, slots=3)
    assert placement.room_for(1) == 1
    placement.take()
    assert placement.room_for(1) == 1


# ---- machines on probation ------------------------------------------------------------------------------------------


def test_a_machine_on_probation_holds_one_chunk_at_a_time() -> None:
    placement = workers()
    placement.put_on_probation({"a"})
    assert placement.room == 5
    held = taken(placement, 5)
    assert sorted(HOMES[worker] for worker in held) == ["a", "b", "b", "b", "b"]
    assert placement.room == 0
    placement.freed(next(worker for worker in held if HOMES[worker] == "a"))
    placement.freed("b1")
    assert placement.room == 2


def test_a_machine_whose_probation_ends_takes_as_many_chunks_as_before() -> None:
    placement = workers()
    placement.put_on_probation({"a", "b"})
    taken(placement, 2)
    assert placement.room == 0
    placement.put_on_probation({"b"})
    assert placement.room == 3
    placement.put_on_probation(NOWHERE)
    assert placement.room == 6
    placement.put_on_probation({"a"})
    assert placement.room == 3


def test_a_chunk_that_failed_goes_to_no_machine_on_probation_as_long_as_there_is_another() -> None:
    placement = workers({"a1": "a", "b1": "b", "c1": "c"}, slots=1)
    placement.put_on_probation({"b"})
    assert placement.take_elsewhere({"a"}) == "c1"
    assert placement.take_elsewhere({"a"}) is None, "machine c will be free"
    placement.leave({"c"})
    assert placement.take_elsewhere({"a"}) == "b1", "machine c goes"
    assert placement.take_elsewhere({"a"}) is None
    assert placement.take_elsewhere({"a", "b"}) == "a1"


def test_an_isolated_chunk_prefers_a_machine_that_is_not_on_probation() -> None:
    placement = workers()
    taken(placement, 4)
    placement.put_on_probation({"a"})
    for worker in ("a1", "a2"):
        placement.freed(worker)
    placement.reserve("chunk", avoid=NOWHERE)
    assert placement.cleared() == []
    for worker in ("b1", "b2"):
        placement.freed(worker)
    [(_, worker)] = placement.cleared()
    assert HOMES[worker] == "b"


def test_workers_come_and_go_on_a_machine_on_probation() -> None:
    placement = workers({"a1": "a"})
    placement.put_on_probation({"a", "z"})
    placement.up("a2", "a")
    placement.up("z1", "z")
    assert placement.room == 2
    first = placement.take()
    placement.gone(first)
    assert placement.room == 2, "the other worker of the machine takes one"
    assert len(set(taken(placement, 2))) == 2
    assert placement.room == 0
