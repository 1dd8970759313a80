"""A display that records the events it shows."""

from types import TracebackType
from typing import Self

from slomo_batch.report.events import Event


class Heard:
    """All events, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, event: Event) -> None:
        self.events.append(event)
