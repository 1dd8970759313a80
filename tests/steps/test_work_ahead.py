"""Work ahead: results in order, a bounded number of them, errors where their result is used, no threads left."""

import threading

import pytest

from slomo_batch.steps.work_ahead import work_ahead

WAIT_S = 10


@pytest.mark.parametrize("num_ahead", [0, 1, 3, 20])
def test_results_are_in_order_and_few_are_ahead(num_ahead: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item * item

    used = 0
    for place, result in enumerate(work_ahead(work, range(9), num_ahead=num_ahead)):
        assert result() == place * place
        assert len(begun) <= place + 1 + num_ahead
        used += 1
    assert used == 9
    assert sorted(begun) == list(range(9))


def test_later_items_are_worked_on_while_one_is_in_use() -> None:
    worked = [threading.Event() for _ in range(6)]
    results = work_ahead(lambda item: worked[item].set(), range(6), num_ahead=3)
    next(results)()
    assert all(event.wait(WAIT_S) for event in worked[:4])
    results.close()
    assert not any(event.is_set() for event in worked[4:])


@pytest.mark.parametrize("num_ahead", [0, 2])
def test_an_error_is_raised_by_its_own_result_and_the_others_can_be_had(num_ahead: int) -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("the second")
        return item

    seen = []
    for place, result in enumerate(work_ahead(work, range(5), num_ahead=num_ahead)):
        if place == 2:
            with pytest.raises(ValueError, match="the second"):
                result()
        else:
            seen.append(result())
    assert seen == [0, 1, 3, 4]


def test_closing_ends_the_threads() -> None:
    threads = set()
    results = work_ahead(lambda _: threads.add(threading.current_thread()), range(50), num_ahead=4)
    next(results)()
    results.close()
    assert threads
    assert not any(thread.is_alive() for thread in threads)
    assert threading.current_thread() not in threads
