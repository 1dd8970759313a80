"""One clip and its undisturbed output, for all tests on a cluster."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.jobs import SECTIONS

NUM_FRAMES = 96


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """A clip, and the hash of its output's frames from an undisturbed run."""

    clip: Path
    frames_sha256: str


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    folder = tmp_path_factory.mktemp("quiet")
    clip = excerpt("bikes", folder / "bikes.mp4", num_frames=NUM_FRAMES, width=160, height=96)
    job = Job(folder / "job").write([str(clip)], **SECTIONS)
    assert job.run(env={"OMP_NUM_THREADS": "1"}).returncode == 0
    return Quiet(clip=clip, frames_sha256=job.receipts()["bikes"].frames_sha256)
