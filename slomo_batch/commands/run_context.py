"""RunContext: what every part of a run uses: its manifest, its stores, its lease, and the displays it reports to."""

from dataclasses import dataclass

from slomo_batch.errors import JobTaken
from slomo_batch.manifest.schema import Manifest
from slomo_batch.report.events import Activity, Display, Note
from slomo_batch.scheduler.leases import DriverLease
from slomo_batch.scheduler.stop_signals import StopRequests
from slomo_batch.steps.context import StepContext


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What every part of a run uses."""

    manifest: Manifest
    steps: StepContext
    """The stores of the driver's process."""
    lease: DriverLease
    display: Display
    stop: StopRequests

    def show_activity(self, text: str) -> None:
        """Show what the driver does now."""
        self.display.show(Activity(text=text))

    def note(self, text: str, *, uri: str = "", is_detail: bool = False) -> None:
        """Show a note, about the video with this source if there is one."""
        self.display.show(Note(text=text, uri=uri, is_detail=is_detail))

    def check_lead(self) -> None:
        """Raise JobTaken if another driver leads the job. Called before writing under keys that it writes too."""
        if self.lease.check_superseded():
            raise JobTaken("another driver took this job over", remedy="Nothing is lost: the other driver goes on.")
