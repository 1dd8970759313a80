"""A display that records the events it shows."""

from slomo_batch.report.events import Display, Event


class Heard(Display):
    """All events, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def show(self, event: Event) -> None:
        self.events.append(event)
