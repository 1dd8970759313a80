"""Sidecars: beside each output of a run, true, and never in place of a file of somebody else."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.clips.catalogue import clip
from tests.end_to_end.running import Job, cli, frame_hashes

QUICK = {"interpolate": {"method": "blend"}, "encode": {"codec": "ffv1"}, "chunks": {"pairs": 5}}
STRANGE = b"the notes of somebody else"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sidecar") / "cut.mp4"
    path.write_bytes(clip("cfr").data)
    return path


def _job(folder: Path, source: Path, **sections: Any) -> Job:
    return Job(folder / "job").write([str(source)], **{**QUICK, **sections})


def _sidecar(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.outputs / "cut.mkv.slomo.json").read_bytes())
    return found


def test_a_sidecar_says_where_every_frame_comes_from(source: Path, tmp_path: Path) -> None:
    job = _job(tmp_path, source, retime={"slowdown": 1, "fps": 60})
    assert job.run().returncode == 0
    [published], found = job.receipts().values(), _sidecar(job)
    data = (job.outputs / "cut.mkv").read_bytes()
    assert found["output"]["sha256"] == sha256(data).hexdigest() == published.sha256
    assert published.sidecar_sha256 == sha256((job.outputs / "cut.mkv.slomo.json").read_bytes()).hexdigest()
    kinds = [
        kind
        for pairs, own, others, kind_of_others in found["frames"]["runs"]
        for _ in range(pairs)
        for kind in ["source"] * own + [kind_of_others] * others
    ]
    assert sum(run[0] for run in found["frames"]["runs"]) == found["source"]["num_frames"]
    assert len(kinds) == published.num_frames
    assert kinds.count("source") == published.counts.source
    assert kinds.count("made") == published.counts.made > 0
    sources = set(frame_hashes(source))
    own = [one for one, kind in zip(frame_hashes(job.outputs / "cut.mkv"), kinds, strict=True) if kind == "source"]
    assert sources.issuperset(own), "the frames that are called the source's are its own"


def test_chunks_leave_no_trace_in_a_sidecar(source: Path, tmp_path: Path) -> None:
    runs = []
    for pairs in (3, 40):
        job = _job(tmp_path / str(pairs), source, chunks={"pairs": pairs})
        assert job.run().returncode == 0
        runs.append(_sidecar(job)["frames"])
    assert runs[0] == runs[1]


def test_a_strange_file_of_that_name_is_kept_and_the_video_fails(source: Path, tmp_path: Path) -> None:
    job = _job(tmp_path, source)
    job.outputs.mkdir()
    strange = job.outputs / "cut.mkv.slomo.json"
    strange.write_bytes(STRANGE)
    refused = job.run()
    assert refused.returncode == 1
    assert "output.sidecar: false" in refused.stdout + refused.stderr
    assert strange.read_bytes() == STRANGE
    assert not (job.outputs / "cut.mkv").exists()
    without = job.run("--retry-failed", "--set", "output.sidecar=false")
    assert without.returncode == 0, without.stdout + without.stderr
    assert strange.read_bytes() == STRANGE


def test_an_output_made_again_without_a_sidecar_has_no_old_one(source: Path, tmp_path: Path) -> None:
    job = _job(tmp_path, source)
    assert job.run().returncode == 0
    before = _sidecar(job)
    assert job.run("--force").returncode == 0
    assert _sidecar(job) == before
    assert job.run("--force", "--set", "output.sidecar=false").returncode == 0
    assert [path.name for path in job.outputs.iterdir()] == ["cut.mkv"]
    assert not next(iter(job.receipts().values())).sidecar_sha256


def test_convert_writes_one_only_if_asked(source: Path, tmp_path: Path) -> None:
    words = ("convert", str(source), str(tmp_path / "out.mkv"), "--method", "blend", "--slowdown", "2")
    assert cli(*words).returncode == 0
    assert not list(tmp_path.glob("*.json"))
    assert (
        cli(*words, "--set", "output.sidecar=true", "--set", "output.exists=replace", "--slowdown", "3").returncode == 0
    )
    assert (tmp_path / "out.mkv.slomo.json").exists()
