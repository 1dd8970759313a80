"""A full disk: an error with the reason, no partial output under its name, and a complete job once there is space."""

import tempfile
from pathlib import Path

import pytest

from slomo_batch.records.results import Published
from tests.chaos.machines import small_disk
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job, frame_hashes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
DISK_BYTES = 20 << 20
SECTIONS = {
    "encode": {"codec": "ffv1"},
    "interpolate": {"method": "blend"},
    "retime": {"slowdown": 8},
    "chunks": {"pairs": 10},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "clip.mp4"
    path.write_bytes(clip("cfr").data)
    return path


@pytest.fixture(scope="module")
def quiet(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    job = Job(tmp_path_factory.mktemp("quiet")).write([str(source)], **SECTIONS)
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    return job.receipts()["clip"]


@pytest.mark.parametrize("full", ["scratch", "work", "output"])
@pytest.mark.parametrize("room", [100_000, 400_000])
def test_a_full_disk_is_reported_and_the_job_continues_once_there_is_space(
    full: str, room: int, source: Path, quiet: Published, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, DISK_BYTES) as is_mounted:
        if not is_mounted:
            pytest.skip("mounting a small disk is refused here")
        places = {name: disk / name if name == full else tmp_path / name for name in ("scratch", "work", "output")}
        for place in places.values():
            place.mkdir()
        job = Job(tmp_path / "job").write(
            [str(source)], **SECTIONS, output={"uri": f"{places['output']}/{{stem}}.mkv"}, work=str(places["work"])
        )
        env = {"TMPDIR": str(places["scratch"])}
        with tempfile.NamedTemporaryFile(dir=disk) as ballast:
            ballast.write(bytes(DISK_BYTES - room))
            ballast.flush()
            run = job.run(env=env)
            words = run.stdout + run.stderr
            assert run.returncode in {1, 3}, words
            assert "space" in words or "disk" in words, words
            assert "Traceback" not in words
            assert "ProgramFault" not in words
            assert not (places["output"] / "clip.mkv").exists()
        again = job.run("--retry-failed", env=env)
        assert again.returncode == 0, again.stdout + again.stderr
        output = places["output"] / "clip.mkv"
        assert {path.name for path in places["output"].iterdir()} == {"clip.mkv", "clip.mkv.slomo.json"}
        assert len(frame_hashes(output)) == quiet.num_frames
        assert output.stat().st_size == quiet.size_bytes
