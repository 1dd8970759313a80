"""Tell bad machines from bad chunks, and outages from both."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.scheduler.machine_health import MAX_BAD_SHARE, MAX_STARTS, MAX_STRIKES, MachineRecord, to_blame


def test_only_chunks_being_computed_are_blamed() -> None:
    assert to_blame({"a": True, "b": False}) == {"a"}
    assert to_blame({"a": True, "b": True}) == {"a", "b"}


def test_all_chunks_are_blamed_if_none_was_being_computed() -> None:
    assert to_blame({"a": False, "b": False}) == {"a", "b"}
    assert to_blame({}) == frozenset()


# ---- machines ------------------------------------------------------------------------------------------------------


def fail_there_and_make_elsewhere(record: MachineRecord, machine: str, chunk: str) -> None:
    record.failed(machine, chunk)
    record.made("good", chunk)


def test_a_machine_is_bad_if_several_of_its_failed_chunks_succeed_elsewhere() -> None:
    record = MachineRecord()
    record.made("good", "first")
    for number in range(MAX_STRIKES):
        assert record.bad == frozenset()
        fail_there_and_make_elsewhere(record, "sick", f"chunk {number}")
    assert record.bad == {"sick"}


def test_one_chunk_that_fails_repeatedly_does_not_make_a_machine_bad() -> None:
    record = MachineRecord()
    for _ in range(20):
        record.made("good", "another")
        record.failed("sick", "poison")
    record.made("good", "poison")
    assert record.bad == frozenset()


def test_chunks_that_succeed_nowhere_make_no_machine_bad() -> None:
    record = MachineRecord()
    for number in range(20):
        record.made("good", f"good chunk {number}")
        record.failed("unlucky", f"poison {number}")
        record.failed("good", f"poison {number}")
    assert record.bad == frozenset()


def test_an_outage_of_all_machines_makes_none_bad() -> None:
    record = MachineRecord()
    machines = [f"m{number}" for number in range(5)]
    for number, machine in enumerate(machines):
        record.made(machine, f"before {number}")
    for number in range(30):
        record.failed(machines[number % 5], f"chunk {number}")
    for number in range(30):
        record.made(machines[(number + 1) % 5], f"chunk {number}")
    assert record.bad == frozenset()


def test_a_machine_with_more_successes_than_failures_is_kept() -> None:
    record = MachineRecord()
    for number in range(50):
        record.made("flaky", f"fine {number}")
        fail_there_and_make_elsewhere(record, "flaky", f"chunk {number}")
    assert record.bad == frozenset()


def test_the_only_machine_is_never_bad() -> None:
    record = MachineRecord()
    for number in range(50):
        record.failed("only", f"chunk {number}")
        record.made("only", f"chunk {number}")
    assert record.bad == frozenset()


def test_workers_that_do_not_start_on_one_machine_make_it_bad_if_others_run() -> None:
    record = MachineRecord()
    record.started("good")
    assert [record.failed_to_start("sick", others_run=True) for _ in range(MAX_STARTS)] == [False, False, True]
    assert record.bad == {"sick"}
    record = MachineRecord()
    assert [record.failed_to_start("sick", others_run=False) for _ in range(MAX_STARTS)] == [False, False, True]
    assert record.bad == frozenset()


def test_a_machine_that_reports_a_defect_is_bad_at_once_unless_many_do() -> None:
    record = MachineRecord()
    for number in range(2 * MAX_BAD_SHARE):
        record.started(f"machine {number}")
    assert [record.cannot_work(f"machine {number}") for number in (0, 1, 0, 2)] == [True, True, True, False]
    assert record.bad == {"machine 0", "machine 1"}


def test_failures_much_faster_than_chunks_are_made_count_double() -> None:
    record = MachineRecord()
    for number in range(2):
        assert record.bad == frozenset()
        record.made("good", f"before {number}", 10.0)
        record.failed("sick", f"chunk {number}", 0.9)
        record.failed("slow", f"chunk {number}", 1.1)
        record.made("good", f"chunk {number}", 10.0)
    assert record.bad == {"sick"}


def test_machines_that_are_gone_do_not_allow_more_bad_ones() -> None:
    record = MachineRecord()
    for number in range(4 * MAX_BAD_SHARE):
        record.started(f"machine {number}")
    assert record.cannot_work("machine 0")
    record.keep([f"machine {number}" for number in range(MAX_BAD_SHARE)])
    assert not record.cannot_work("machine 1"), "one of four live machines is bad"
    record.keep(["machine 1", "machine 2"])
    assert record.bad == frozenset()
    assert record.cannot_work("machine 1")


def test_a_worker_that_starts_resets_the_count() -> None:
    record = MachineRecord()
    for _ in range(10):
        assert not record.failed_to_start("slow", others_run=True)
        record.started("slow")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(2, 20), st.floats(0, 0.05), st.sampled_from([0.0, 0.02]))
def test_in_clusters_of_many_sizes_only_the_bad_machine_is_found(
    seed: int, num_machines: int, errors: float, poison: float
) -> None:
    """A cluster of sound machines, on which chunks fail by chance, and a sick one, on which every chunk fails.

    Up to one failure in twenty: where one in nine fails, a sound machine is taken for bad in one cluster of forty.
    """
    random = Random(seed)
    record = MachineRecord()
    sick, machines = "m0", [f"m{number}" for number in range(num_machines)]
    waiting = list(range(20 * num_machines))
    tries = dict.fromkeys(waiting, 0)
    poisoned = {chunk for chunk in waiting if random.random() < poison}
    while waiting:
        chunk = waiting.pop(random.randrange(len(waiting)))
        open_machines = [machine for machine in machines if machine not in record.bad]
        machine = random.choice(open_machines)
        if machine == sick or chunk in poisoned or random.random() < errors:
            record.failed(machine, f"chunk {chunk}")
            tries[chunk] += 1
            if chunk not in poisoned or tries[chunk] < 3:
                waiting.append(chunk)
        else:
            record.made(machine, f"chunk {chunk}")
    assert len(record.bad) <= max(1, num_machines // 4)
    assert record.bad == {sick}
