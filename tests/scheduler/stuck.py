"""A call that hangs where it is carried out, as on a network disk that does not answer, until a file exists."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from slomo_batch.errors import SourceUnreadable
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.scheduler.calls import OpenCall


class _Stuck:
    """In place of a pin: whatever a step reads of it comes once the file exists."""

    def __init__(self, until: Path) -> None:
        self.until = until

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "until":  # as pickle asks
            raise AttributeError(name)
        while not self.until.exists():
            time.sleep(0.01)
        raise SourceUnreadable("the disk answered too late")


def stuck(call: OpenCall, until: Path) -> OpenCall:
    """The call, stuck until the file exists."""
    return replace(call, pin=cast("JobPin", _Stuck(until)))


class _Late:
    """In place of a pin: it is unpickled only once the file exists."""

    def __init__(self, until: Path) -> None:
        self.until = until

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.until,)


def _arrived(until: Path) -> _Stuck:
    while not until.exists():
        time.sleep(0.01)
    return _Stuck(until)


def late(call: OpenCall, until: Path) -> OpenCall:
    """The call, which cannot be unpickled until the file exists, as if the modules that it needs could not be read."""
    return replace(call, pin=cast("JobPin", _Late(until)))
