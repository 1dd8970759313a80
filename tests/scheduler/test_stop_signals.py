"""A signal is acknowledged at once, visibly."""

import os
import signal
import threading
from pathlib import Path

import pytest

from slomo_batch.scheduler.stop_signals import STOPPING, StopRequests


def test_a_signal_is_shown_on_the_display_from_its_own_thread() -> None:
    shown: list[tuple[str, str]] = []
    was_shown = threading.Event()

    def show(text: str) -> None:
        shown.append((text, threading.current_thread().name))
        was_shown.set()

    before = signal.getsignal(signal.SIGTERM)
    with StopRequests(show) as stop:
        assert not stop.is_asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert was_shown.wait(30)
        assert stop.is_asked
    assert shown == [(STOPPING, "stop")]
    assert signal.getsignal(signal.SIGTERM) is before


def test_standard_error_shows_a_signal_too_if_the_display_is_not_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with StopRequests(lambda _text: None):
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err == f"\n{STOPPING}\n"


def test_without_a_signal_nothing_is_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown: list[str] = []
    with StopRequests(shown.append):
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "stop"]
    thread.join(30)
    assert (shown, capfd.readouterr().err) == ([], "")
