"""Where a run stands: a folder; or a prefix on S3, of which a folder on this machine is the copy that is worked on.

What goes to S3 goes after every checkpoint, the checkpoint last: so what stands there is always a whole state, and at
most the lines of a few more steps, which are dropped on going on.
"""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from slomo_batch.errors import JobTaken, ObjectMissing
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.uris import is_s3, normalise_uri

CHECKPOINT = "checkpoint.pt"
"""Weights, their average, the optimiser's state and the number of steps: all that goes from one step to the next."""
METRICS = "metrics.jsonl"
BEST = "best.pt"
"""The average that validated best."""
BOARD = "tensorboard"
"""Folder of TensorBoard's files."""
LOCK = "in-use"
PATIENCE_S = 60.0
"""How long the worker of a killed run may take to be gone."""


class Place:
    """A run's files, of which only the leading worker writes. A context, at whose end the copy on this machine goes."""

    def __init__(self, uri: str) -> None:
        """The place at a URI of a folder or a prefix."""
        self.uri = normalise_uri(uri, Path.cwd()).rstrip("/")
        self._documents = open_store(StoreSpec(uri=self.uri, options=S3Options()))
        self._store: ObjectStore | None = None
        self._sent: dict[str, tuple[int, int]] = {}
        if is_s3(self.uri):
            self._store = self._documents
            self.folder = Path(tempfile.mkdtemp(prefix="slomo-train-"))
        else:
            self.folder = Path(self.uri)
            self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kept(self, name: str) -> bytes | None:
        """A document that was kept under this name; None where there is none."""
        try:
            return self._documents.get(name)
        except ObjectMissing:
            return None

    def keep(self, name: str, data: bytes) -> None:
        """Keep a document, whole or not at all; on S3 at once."""
        self._documents.put(name, data)

    def fetch(self) -> None:
        """Bring here what an earlier run left on S3, but for TensorBoard's files, which are only added to."""
        if self._store is None:
            return
        for name in (CHECKPOINT, METRICS, BEST):
            try:
                self._store.get_file(name, self.folder / name)
            except ObjectMissing:
                continue
            self._sent[name] = _state(self.folder / name)

    def send(self) -> None:
        """Bring to S3 what has changed here."""
        if self._store is None:
            return
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name != LOCK]
        for path in sorted(files, key=lambda path: (path.name == CHECKPOINT, path)):
            key, state = path.relative_to(self.folder).as_posix(), _state(path)
            if self._sent.get(key) != state:
                self._store.put_file(key, path)
                self._sent[key] = state

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs of this machine out of the folder; one that was killed is waited for.

        Raises:
            JobTaken: another run goes on here.
        """
        with (self.folder / LOCK).open("w") as file:
            deadline = time.monotonic() + PATIENCE_S
            while not _locked(file.fileno()):
                if time.monotonic() > deadline:
                    raise JobTaken(
                        "another run is training here", where=self.uri, remedy="Stop it, or name another --out."
                    )
                time.sleep(0.2)
            yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
