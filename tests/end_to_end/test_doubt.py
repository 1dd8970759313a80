"""Jobs that blend or hold in doubt: the same for any chunks, named in the sidecar and the receipt."""

import json
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.plan.pair_doubts import levels_of
from tests.end_to_end.running import Job, cli, excerpt

NUM_FRAMES = 16
QUICK = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": 2}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doubt")
    return excerpt("bikes", folder / "bikes.mp4", num_frames=NUM_FRAMES, width=128, height=64)


def _run(folder: Path, source: Path, doubt: str, pairs: int) -> Job:
    job = Job(folder).write(
        [str(source)], **QUICK, interpolate={"method": "flow", "doubt": doubt}, chunks={"pairs": pairs}
    )
    ran = job.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return job


def _sidecar(job: Job) -> dict[str, Any]:
    [path] = job.outputs.glob("*.slomo.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


@pytest.mark.parametrize("doubt", ["blend", "hold"])
def test_chunks_change_neither_frames_nor_doubts(doubt: str, source: Path, tmp_path: Path) -> None:
    few, many = (_run(tmp_path / str(pairs), source, doubt, pairs) for pairs in (100, 3))
    [one], [other] = few.receipts().values(), many.receipts().values()
    assert one.frames_sha256 == other.frames_sha256
    assert one.notes == other.notes
    found = _sidecar(few)
    assert found["doubt"] == _sidecar(many)["doubt"]
    assert found["method"]["doubt"] == doubt
    assert found["doubt"]["columns"] == ["pairs", "sixteenths"]
    assert sum(pairs for pairs, _ in found["doubt"]["runs"]) == NUM_FRAMES
    [commit] = few.commits()
    levels = [level for pairs, level in found["doubt"]["runs"] for _ in range(pairs)]
    assert levels == levels_of(commit.doubts)
    assert levels[-1] is None, "the last frame has no pair"
    num_blended = sum(level > 0 for level in levels if level is not None)
    assert num_blended > 0
    assert any(note.startswith(f"{num_blended} pair") for note in one.notes) == (doubt == "blend")


def test_a_method_without_evidence_is_refused_before_anything_starts(source: Path, tmp_path: Path) -> None:
    job = Job(tmp_path).write([str(source)], **QUICK, interpolate={"method": "blend", "doubt": "hold"})
    refused = job.run()
    assert refused.returncode == 2
    assert "interpolate.doubt: 'hold' needs a method that judges its own frames" in refused.stdout + refused.stderr
    assert not job.outputs.exists()
    words = ("convert", str(source), str(tmp_path / "out.mkv"), "--method", "mci", "--set", "interpolate.doubt=blend")
    assert cli(*words).returncode == 2
