"""The wall clock of a process, wrong by the seconds that a file holds. The file may change while the process runs."""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from botocore import auth

FILE = "SLOMO_TEST_CLOCK"
"""Environment variable with the path of the file. The clock is right while there is no such file."""
LOOK_EVERY_S = 0.2


class WrongClock:
    """A clock that is wrong by what its file says."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._time, self._date = time.time, vars(auth)["get_current_datetime"]
        self._wrong_by_s, self._looked_s = 0.0, float("-inf")

    @property
    def wrong_by_s(self) -> float:
        """What the file says, looked at now and then."""
        now_s = time.monotonic()
        if now_s - self._looked_s > LOOK_EVERY_S:
            self._looked_s, self._wrong_by_s = now_s, 0.0
            with suppress(OSError, ValueError):  # there is none
                self._wrong_by_s = float(self._file.read_text())
        return self._wrong_by_s

    def time(self) -> float:
        """In place of time.time."""
        return self._time() + self.wrong_by_s

    def date(self, remove_tzinfo: bool = True) -> datetime:
        """In place of the time with which botocore signs requests."""
        date: datetime = self._date(remove_tzinfo)
        return date + timedelta(seconds=self.wrong_by_s)


def install(file: Path) -> None:
    """Let this process read the clock of that file, where it asks `time.time` and where it signs requests to S3."""
    clock = WrongClock(file)
    time.time = clock.time
    vars(auth)["get_current_datetime"] = clock.date
