"""The job on which drivers are killed: tiny videos, the results of an undisturbed run, saved and restored states."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.records.results import Published, VideoFailed
from slomo_batch.serialization import file_sha256, from_json
from tests.chaos.drivers import Stable, kind_of
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job

HISTORY = {"epoch", "heartbeat", "ledger_part", "owned", "progress", "probe"}
"""Kinds of key about runs, not about results: their number depends on how often a run was killed."""
LEFT_TO_GC = {"chunk", "segment", "audio_attempt", "audio_source", "upload"}
"""Kinds that go when a video is published or an upload over; a driver killed just before that leaves them to `gc`."""


@contextmanager
def quick_folder(purpose: str) -> Iterator[Path]:
    """A temporary folder, in memory if the system has one: on disk every write of a driver waits for it."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix=f"slomo-{purpose}-", dir=memory))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Made:
    """The results of a run that must not depend on the faults during it."""

    outputs: dict[str, str]
    """Hash of every file in the folder of the outputs, by its name."""
    receipts: dict[str, tuple[str, str]]
    """Hashes of the frames and of the file, by the source's name."""
    failures: dict[str, str]
    """Errors by the source's name."""
    frames: dict[str, tuple[str, ...]]
    """Hashes of the frames of every committed chunk, by its id."""
    keys: Counter[str]
    """The number of keys of each kind in the work place."""


@dataclass
class Stage:
    """A folder with a job that can be set back to an earlier state."""

    folder: Path
    inputs: Sequence[str | Mapping[str, Any]]
    sections: dict[str, Any]
    haste: float = 1.0
    job: Job = field(init=False)
    drivers: Stable = field(init=False)

    def __post_init__(self) -> None:
        self.job = Job(self.folder / "job").write(self.inputs, **self.sections)
        work = str(self.folder / "job" / "work")
        self.drivers = Stable(self.job.manifest, self.job.name, work, self.folder / "logs", haste=self.haste)

    def source(self, name: str) -> Path:
        """Path of a source that is restored with the job."""
        return self.job.folder / "in" / f"{name}.mp4"

    def keep(self, name: str) -> None:
        """Save the current state of the job."""
        shutil.copytree(self.job.folder, self.folder / name)

    def set_back(self, name: str) -> None:
        """Restore the saved state of the job, and remove everything else."""
        shutil.rmtree(self.job.folder)
        shutil.copytree(self.folder / name, self.job.folder)

    def commits(self) -> dict[str, str]:
        """The attempt that made each committed chunk."""
        return {done.chunk_id: done.attempt for done in self.job.commits()}

    def made(self) -> Made:
        failures = [from_json(VideoFailed, path.read_bytes()) for path in (self.job.work / "failures").glob("*.json")]
        files = [path for path in self.job.outputs.rglob("*") if path.is_file()]
        work = self.folder / "job" / "work"
        keys = [str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()]
        kinds = [kind_of(self.job.name, key) for key in keys if not Path(key).name.startswith(".slomo-")]
        return Made(
            outputs={str(path.relative_to(self.job.outputs)): file_sha256(path) for path in files},
            receipts={name: (one.frames_sha256, one.sha256) for name, one in self.job.receipts().items()},
            failures={Path(one.source_uri).stem: one.error for one in failures},
            frames={done.chunk_id: done.frame_hashes for done in self.job.commits()},
            keys=Counter(kind for kind in kinds if kind not in HISTORY | LEFT_TO_GC),
        )

    def published(self) -> dict[str, Published]:
        return self.job.receipts()


def of_everything(folder: Path, *, haste: float = 1.0) -> Stage:
    """A job that writes every kind of key: audio, a survey, a video that changes its lane, one that fails, weights of a
    file."""
    sources = folder / "job" / "in"
    sources.mkdir(parents=True)
    names = {"sound": "cfr", "moved": "corrupt_late", "bad": "text", "one": "one_frame"}
    for name, recipe in names.items():
        (sources / f"{name}.mp4").write_bytes(clip(recipe).data)
    weights = folder / "weights.safetensors"
    shutil.copy(shipped_file("compact-1"), weights)
    return Stage(
        folder,
        [
            {"uri": str(sources / "sound.mp4"), "interpolate": {"duplicates": "retime"}},
            str(sources / "bad.mp4"),
            {"uri": str(sources / "moved.mp4"), "retime": {"slowdown": 1}},
            {"uri": str(sources / "one.mp4"), "interpolate": {"method": "superslomo", "weights": str(weights)}},
        ],
        {
            "interpolate": {"method": "blend"},
            "encode": {"codec": "ffv1"},
            "retime": {"slowdown": 2},
            "chunks": {"pairs": 20},
        },
        haste=haste,
    )


def of_one_clip(folder: Path, *, haste: float) -> Stage:
    """A job of one clip with audio, made without a network: as cheap as a whole job can be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clip.mp4").write_bytes(clip("cfr").data)
    return Stage(
        folder,
        [str(folder / "clip.mp4")],
        {
            "encode": {"codec": "ffv1"},
            "retime": {"slowdown": 2},
            "interpolate": {"method": "blend"},
            "chunks": {"pairs": 10},
        },
        haste=haste,
    )
