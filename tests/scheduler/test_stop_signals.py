"""A signal is answered at once, and in a way that can be seen."""

import os
import signal
import threading
from pathlib import Path

import pytest

from slomo_batch.scheduler.stop_signals import STOPPING, StopRequests


def test_a_signal_is_told_to_the_display_from_a_thread_of_its_own() -> None:
    shown: list[tuple[str, str]] = []
    is_told = threading.Event()

    def tell(text: str) -> None:
        shown.append((text, threading.current_thread().name))
        is_told.set()

    before = signal.getsignal(signal.SIGTERM)
    with StopRequests(tell) as stop:
        assert not stop.is_asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert is_told.wait(30)
        assert stop.is_asked
    assert shown == [(STOPPING, "stop")]
    assert signal.getsignal(signal.SIGTERM) is before


def test_where_the_display_is_not_on_the_terminal_standard_error_says_it_too(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with StopRequests(lambda _text: None):
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err == f"\n{STOPPING}\n"


def test_without_a_signal_nothing_is_told(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown: list[str] = []
    with StopRequests(shown.append):
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "stop"]
    thread.join(30)
    assert (shown, capfd.readouterr().err) == ([], "")
