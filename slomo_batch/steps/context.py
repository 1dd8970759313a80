"""StepContext: what a step has at hand, opened in the process it runs in."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slomo_batch.errors import SlomoError
from slomo_batch.media.reader import RangeReader
from slomo_batch.records import Machine, Resolved, Source, VideoPlan
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout

if TYPE_CHECKING:
    from slomo_batch.interpolators.contract import AnyInterpolator  # loads torch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Stores, model and a scratch folder for the steps of one job in one process."""

    work: ObjectStore
    """The work store; keys come from `layout`."""
    layout: Layout
    locate: Callable[[str], tuple[ObjectStore, str]]
    """Store and key of any URI of the manifest."""
    interpolator: "Callable[[VideoPlan], AnyInterpolator]"
    """The model a plan asks for; loaded once per process."""
    machine: Callable[[Resolved], Machine]
    """Where this process runs and with what, for the record."""
    scratch: Path
    """Local folder for files that live no longer than a step."""

    def reader(self, source: Source) -> RangeReader:
        """The source by ranged reads, every one of that very object (If-Match)."""
        store, key = self.locate(source.uri)
        return RangeReader(
            lambda start, end: store.get_range(key, start, end, fingerprint=source.fingerprint), source.size_bytes
        )

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder under the scratch folder, removed with all it holds; errors from within do not name it."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix="step-", dir=self.scratch))
        try:
            yield path
        except SlomoError as error:
            error.forget_folder(str(path))
            raise
        finally:
            shutil.rmtree(path, ignore_errors=True)
