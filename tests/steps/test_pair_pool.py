"""PairPool: results in order, however many cores, chunks and memory there are."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators import device
from slomo_batch.steps.pair_pool import AHEAD, Job, PairPool, StillWaiting, available_memory

GIB = 1 << 30


def job(run: Callable[[], list[int]], *, num_bytes: int = 1, cores: int = 1) -> Job[int]:
    return Job(run=run, num_bytes=num_bytes, cores=cores)


def sleepy(number: int) -> Job[int]:
    """A job that takes longer, the earlier it is."""

    def run() -> list[int]:
        time.sleep(0.002 * (10 - number % 10))
        return [number, -number]

    return job(run)


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_results_come_in_order_though_later_jobs_end_first(cores: int) -> None:
    results = list(PairPool(cores).in_order(sleepy(number) for number in range(20)))
    assert results == [sign * number for number in range(20) for sign in (1, -1)]


def test_the_caller_hears_that_a_result_takes_long() -> None:
    may_end = threading.Event()

    def run() -> list[int]:
        assert may_end.wait(30)
        return [7]

    results = PairPool(1).in_order([job(run)], every_s=0.01)
    assert [next(results), next(results)] == [StillWaiting(), StillWaiting()]
    may_end.set()
    assert [one for one in results if not isinstance(one, StillWaiting)] == [7]


class Gauge:
    """Counts how many run at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def run(self, cores: int = 1) -> list[int]:
        with self._lock:
            self.now += cores
            self.most = max(self.most, self.now)
        time.sleep(0.005)
        with self._lock:
            self.now -= cores
        return [1]


def test_all_cores_work_and_no_more_for_two_chunks_together() -> None:
    gauge, pool = Gauge(), PairPool(3)

    def chunk(_number: int) -> int:
        return len(list(pool.in_order(job(gauge.run) for _ in range(12))))

    with ThreadPoolExecutor(2) as chunks:
        assert list(chunks.map(chunk, range(2))) == [12, 12]
    assert gauge.most == 3


def test_a_job_of_several_threads_takes_as_many_cores() -> None:
    gauge, pool = Gauge(), PairPool(4)
    assert len(list(pool.in_order(job(lambda: gauge.run(2), cores=2) for _ in range(10)))) == 10
    assert gauge.most == 4
    assert len(list(pool.in_order(job(lambda: gauge.run(4), cores=9) for _ in range(3)))) == 3
    assert gauge.most == 4


def test_parts_are_taken_only_so_far_ahead() -> None:
    taken = 0

    def parts() -> Iterator[Job[int]]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield job(lambda: [0])

    results = PairPool(2).in_order(parts())
    next(results)
    assert taken <= AHEAD * 2 + 1
    assert len(list(results)) == 99


def test_jobs_in_flight_fit_into_the_memory_of_all_chunks() -> None:
    in_flight = most = 0
    lock = threading.Lock()

    def parts() -> Iterator[Job[int]]:
        nonlocal in_flight, most
        for _ in range(20):
            yield job(lambda: [0], num_bytes=GIB)
            with lock:
                in_flight += 1
                most = max(most, in_flight)

    pool = PairPool(8, memory_bytes=3 * GIB)
    for _ in pool.in_order(parts()):
        with lock:
            in_flight -= 1
    assert most <= 4, "three in flight, and one that is taken before there is room"
    assert len(list(pool.in_order(job(lambda: [0], num_bytes=9 * GIB) for _ in range(5)))) == 5, "never stuck"


def test_workers_of_one_machine_plan_with_their_share_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.steps.pair_pool.available_memory", lambda: 64 * GIB)
    for share, fitting in ((1.0, 16), (1 / 8, 4)):
        taken = 0

        def parts() -> Iterator[Job[int]]:
            nonlocal taken
            for _ in range(40):
                taken += 1
                yield job(lambda: [0], num_bytes=GIB)

        next(PairPool(8, machine_share=share).in_order(parts()))
        assert taken <= fitting + 1


def test_the_error_of_a_job_in_the_middle_comes_in_its_place_and_frees_the_pool() -> None:
    def fail() -> list[int]:
        raise ArithmeticError("the third pair")

    pool = PairPool(2, memory_bytes=100)
    parts = [sleepy(1), sleepy(2), job(fail, num_bytes=40), *(job(lambda: [9], num_bytes=10) for _ in range(50))]
    results = pool.in_order(iter(parts))
    assert [next(results) for _ in range(4)] == [1, -1, 2, -2]
    with pytest.raises(ArithmeticError, match="the third pair"):
        list(results)
    assert list(pool.in_order(job(lambda: [7], num_bytes=100) for _ in range(4))) == [7, 7, 7, 7]


def test_an_iterator_among_the_parts_runs_in_its_place_one_result_at_a_time() -> None:
    produced = []

    def endless() -> Iterator[int]:
        for number in range(10**9):
            produced.append(number)
            yield number

    parts: list[Job[int] | Iterator[int]] = [sleepy(5), endless()]
    results = PairPool(2).in_order(parts)
    assert [next(results) for _ in range(5)] == [5, -5, 0, 1, 2]
    assert produced == [0, 1, 2]


def test_results_that_are_not_wanted_are_not_made() -> None:
    started: list[int] = []

    def start() -> list[int]:
        started.append(1)
        return [0]

    def first_of_many() -> int:
        return next(PairPool(1).in_order(job(start) for _ in range(100)))

    assert first_of_many() == 0
    assert len(started) <= AHEAD + 1


def test_the_available_memory_is_plausible() -> None:
    assert 1 << 26 < available_memory() < 1 << 50


class Scarce:
    """Memory for so many jobs at once: each of more fails."""

    def __init__(self, room: int) -> None:
        self._room, self._lock, self.now, self.failures = room, threading.Lock(), 0, 0

    def run(self) -> list[int]:
        with self._lock:
            self.now += 1
            failed = self.now > self._room
            self.failures += failed
        time.sleep(0.005)
        with self._lock:
            self.now -= 1
        if failed:
            raise OutOfMemory("a pair of frames does not fit into memory")
        return [1]


@pytest.mark.parametrize("room", [1, 2, 3])
def test_a_pair_that_runs_out_of_memory_is_made_alone_and_fewer_run_at_once_from_then_on(room: int) -> None:
    memory, pool = Scarce(room), PairPool(4)
    assert list(pool.in_order(job(memory.run) for _ in range(40))) == [1] * 40
    assert 0 < memory.failures <= 4
    failures = memory.failures
    assert list(pool.in_order(job(memory.run) for _ in range(40))) == [1] * 40
    assert memory.failures <= max(failures, 4 - room)


def test_a_pair_that_does_not_fit_alone_fails_its_chunk() -> None:
    for cores in (1, 3):
        with pytest.raises(OutOfMemory):
            list(PairPool(cores).in_order(job(Scarce(0).run) for _ in range(4)))


def test_the_memory_of_a_gpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "free_device_memory", lambda: 12345)
    assert available_memory() == 12345
