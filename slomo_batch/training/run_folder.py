"""The folder of a run; for a run on S3, a local working copy of the prefix.

Changed files are uploaded to S3 after every checkpoint, the checkpoint last. S3 therefore always has a consistent
state, with at most some metrics of later steps, which are removed on resume.
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
from slomo_batch.uri import Uri

CHECKPOINT = "checkpoint.pt"
"""Weights, their moving average, the optimizer state and the step number."""
METRICS = "metrics.jsonl"
BEST = "best.pt"
"""The moving average with the best validation score."""
TENSORBOARD = "tensorboard"
"""Folder of the TensorBoard files."""
SAMPLES = "samples-"
"""How the names of folders of stored samples begin."""
LOCK = "in-use"
LOCK_TIMEOUT_S = 60.0
"""How long to wait for the worker of a killed run to exit."""


class RunFolder:
    """The files of a run, which only the leader writes. As a context manager, it deletes the local copy on exit."""

    def __init__(self, uri: Uri) -> None:
        """Open the run folder at a path or S3 prefix."""
        self._documents = open_store(StoreSpec(uri=uri, options=S3Options()))
        self.uri = self._documents.root
        self._store: ObjectStore | None = None
        self._uploaded: dict[str, tuple[int, int]] = {}
        if self.uri.is_local:
            self.folder = Path(self.uri)
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self._store = self._documents
            self.folder = Path(tempfile.mkdtemp(prefix="slomo-train-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def read_document(self, name: str) -> bytes | None:
        """Read the document with this name; None if there is none."""
        try:
            return self._documents.get(name)
        except ObjectMissing:
            return None

    def write_document(self, name: str, data: bytes) -> None:
        """Write a document atomically; on S3 at once."""
        self._documents.put(name, data)

    def download(self) -> None:
        """Download the files of an earlier run from S3, except TensorBoard's, which are only added to."""
        if self._store is None:
            return
        for name in (CHECKPOINT, METRICS, BEST):
            try:
                self._store.get_file(name, self.folder / name)
            except ObjectMissing:
                continue
            self._uploaded[name] = _file_state(self.folder / name)

    def upload(self) -> None:
        """Upload changed files to S3, except stored samples, of which there are gigabytes."""
        if self._store is None:
            return
        files = [path for path in self.folder.rglob("*") if path.is_file() and not self._stays_here(path)]
        for path in sorted(files, key=lambda path: (path.name == CHECKPOINT, path)):
            key, state = path.relative_to(self.folder).as_posix(), _file_state(path)
            if self._uploaded.get(key) != state:
                self._store.put_file(key, path)
                self._uploaded[key] = state

    def _stays_here(self, path: Path) -> bool:
        top = path.relative_to(self.folder).parts[0]
        return top == LOCK or top.startswith(SAMPLES) or path.suffix == ".partial"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against other runs on this machine; wait up to LOCK_TIMEOUT_S for a killed one to exit.

        Raises:
            JobTaken: another run uses the folder.
        """
        with (self.folder / LOCK).open("w") as file:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while not _try_lock(file.fileno()):
                if time.monotonic() > deadline:
                    raise JobTaken(
                        "another run is using this folder", where=self.uri, remedy="Stop it, or choose another --out."
                    )
                time.sleep(0.2)
            yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file_state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
