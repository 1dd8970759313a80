"""A run on a real pseudo-terminal: frames are counted within a chunk, and Ctrl-C is answered."""

import fcntl
import os
import re
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from slomo_batch.scheduler.stop_signals import STOPPING
from tests.end_to_end.running import PATIENCE_S, Job, cli, excerpt, kill
from tests.processes import Command

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A pseudo-terminal, and all that was written to it."""

    def __init__(self, columns: int) -> None:
        self._master, self._slave = os.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.path = Path(os.ttyname(self._slave))
        self._written = bytearray()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # the other side is closed
            while part := os.read(self._master, 1 << 16):
                self._written += part

    def close(self) -> None:
        """Close it, after all that write to it have ended."""
        os.close(self._slave)
        self._reader.join()
        os.close(self._master)

    @property
    def text(self) -> str:
        """What was written, without colors and the movements of the cursor, in one line."""
        return " ".join(_ESCAPES.sub("", self._written.decode(errors="replace")).split())

    def wait_for(self, pattern: str, *, times: int = 1) -> set[str]:
        """Wait until so many different texts were shown that the pattern matches. Returns them."""
        deadline = time.monotonic() + PATIENCE_S
        while len(found := set(re.findall(pattern, self.text))) < times:
            assert time.monotonic() < deadline, self.text[-2000:]
            time.sleep(0.05)
        return found


def test_a_plan_shows_on_a_terminal_how_far_it_is_and_in_a_pipe_its_answer_alone(tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "clip.mp4", num_frames=4, width=128, height=96)
    job = Job(tmp_path / "job").write([str(clip)], retime={"slowdown": 4})
    screen = Screen(columns=80)
    command = Command("plan", str(job.manifest), log=screen.path, one_stream=True)
    try:
        command.communicate(PATIENCE_S)
    finally:
        kill(command)
        screen.close()
    assert command.returncode == 0
    assert re.search(r"looking up videos \.\.\. .*reading headers \S+ 0 % 0/1 .*total 1 video, 1 to make", screen.text)
    piped = cli("plan", str(job.manifest))
    assert piped.stderr == ""
    assert piped.stdout.splitlines()[-4] == "total      1 video, 1 to make"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Command, Screen]]:
    """A run on a terminal, of one chunk that takes minutes."""
    clip = excerpt("bikes", tmp_path / "clip.mp4", num_frames=100, width=320, height=192)
    job = Job(tmp_path / "job").write([str(clip)], retime={"slowdown": 32}, encode={"preset": "ultrafast"})
    screen = Screen(columns=80)
    command = job.begin(log=screen.path)
    yield command, screen
    kill(command)
    screen.close()


def test_frames_rise_within_a_chunk_and_ctrl_c_is_answered(running: tuple[Command, Screen]) -> None:
    command, screen = running
    counts = screen.wait_for(r"making frames \S+ \d+ % ([1-9]\d*/3,200) frames", times=3)
    assert "3,200/3,200" not in counts
    assert command.poll() is None
    command.send_signal(signal.SIGINT)
    screen.wait_for(re.escape(STOPPING))
    screen.wait_for(r"stopping \S+ \d+ % \d+/3,200 frames .*? until it stops")
    command.send_signal(signal.SIGINT)
    screen.wait_for("stopped; run again to continue")
    deadline = time.monotonic() + PATIENCE_S
    while command.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert command.returncode == 130
