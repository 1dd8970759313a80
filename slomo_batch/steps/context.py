"""StepContext: the stores, the model and the folder that a step works with, opened in the process it runs in."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slomo_batch.errors import SlomoError
from slomo_batch.media.reader import BLOCKS_AHEAD, RangeReader
from slomo_batch.records.commits import Machine
from slomo_batch.records.plans import Resolved, VideoPlan
from slomo_batch.records.requests import Source
from slomo_batch.steps.pair_pool import PairPool
from slomo_batch.storage.store import Locate, ObjectStore
from slomo_batch.storage.work_layout import Layout

if TYPE_CHECKING:
    from slomo_batch.interpolators.contract import AnyInterpolator  # loads torch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """The stores, the model and the scratch folder of one job in one process."""

    work: ObjectStore
    """The work store; keys come from `layout`."""
    layout: Layout
    locate: Locate
    interpolator: "Callable[[VideoPlan], AnyInterpolator]"
    """Returns the model that a plan names; loaded once per process."""
    machine: Callable[[Resolved], Machine]
    """Returns the machine and library versions of this process, for commits."""
    scratch: Path
    """Local folder for files that a step deletes when it ends."""
    pairs: PairPool = field(default_factory=partial(PairPool, 1))
    """The threads that make the frames of chunks."""

    def reader(self, source: Source) -> RangeReader:
        """Open the source for ranged reads, each of which fails if the object has changed (If-Match)."""
        store, key = self.locate(source.uri)
        return RangeReader(
            lambda start, end: store.get_range(key, start, end, fingerprint=source.fingerprint),
            source.size_bytes,
            blocks_ahead=0 if store.root.is_local else BLOCKS_AHEAD,
        )

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Create a temporary folder, and remove it at the end. Errors raised within do not name it."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix="step-", dir=self.scratch))
        try:
            yield path
        except SlomoError as error:
            error.remove_folder(str(path))
            raise
        finally:
            shutil.rmtree(path, ignore_errors=True)
