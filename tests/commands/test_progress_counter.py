"""How far an activity is, told now and then."""

from slomo_batch.commands.progress_counter import SHOW_S, ProgressCounter
from slomo_batch.report.events import ActivityAdvanced


def test_it_shows_at_intervals_how_far_how_fast_and_how_long() -> None:
    now_s, shown = [100.0], list[ActivityAdvanced]()
    counter = ProgressCounter("reading headers", shown.append, clock=lambda: now_s[0])
    counter.begin(1000)
    for number in range(1, 401):  # 100 a second
        now_s[0] = 100.0 + number / 100
        counter.advanced(number, 1000)
    first, *others = shown
    assert (first.num_done, first.num_total, first.per_s, first.eta_s) == (0, 1000, 0.0, None)
    assert [event.num_done for event in others] == [round(100 * SHOW_S * number) for number in range(1, 9)]
    assert (others[2].per_s, others[2].eta_s) == (0.0, None), "not settled yet"
    assert (others[-1].per_s, others[-1].eta_s) == (100.0, 6.0)


def test_what_ends_at_once_is_not_shown() -> None:
    shown: list[ActivityAdvanced] = []
    counter = ProgressCounter("looking up videos", shown.append, clock=lambda: 100.0)
    counter.advanced(1, 1)
    assert shown == []
