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


def test_a_log_of_both_streams_gets_the_message_once(capfd: pytest.CaptureFixture[str]) -> None:
    was_shown = threading.Event()
    with StopRequests(lambda _text: was_shown.set()):
        os.kill(os.getpid(), signal.SIGINT)
        assert was_shown.wait(30)
    assert capfd.readouterr().err == ""


def test_without_a_display_standard_error_shows_it(capfd: pytest.CaptureFixture[str]) -> None:
    with StopRequests():
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err == f"\n{STOPPING}\n"


def test_a_terminal_shows_a_signal_too_if_the_display_is_not_on_it(capfd: pytest.CaptureFixture[str]) -> None:
    terminal, end = os.openpty()
    standard_error = os.dup(2)
    os.dup2(end, 2)
    try:
        with StopRequests(lambda _text: None):
            os.kill(os.getpid(), signal.SIGINT)
        shown = os.read(terminal, 1000).decode()
    finally:
        os.dup2(standard_error, 2)
        for descriptor in (standard_error, end, terminal):
            os.close(descriptor)
    assert shown == f"\r\n{STOPPING}\r\n"
    assert capfd.readouterr() == ("", "")


def test_without_a_signal_nothing_is_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown: list[str] = []
    with StopRequests(shown.append):
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "stop"]
    thread.join(30)
    assert (shown, capfd.readouterr().err) == ([], "")
