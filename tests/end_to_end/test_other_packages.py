"""Interpolation methods of another package, installed from a wheel: in a manifest, a plan, a run, and comparisons."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from slomo_batch.cli.main import main
from tests.end_to_end.running import Job, excerpt
from tests.interpolators.other_packages import forget_found_methods, install

SECTIONS: dict[str, Any] = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": 2}, "audio": "drop"}
TINTED = {**SECTIONS, "interpolate": {"method": "tint", "weights": "warm"}}
RED = (0.60, 0.90)
"""Range of the mean of the red channel of a frame with the shipped level, 0.75."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with version 1.0 of the package."""
    folder = tmp_path_factory.mktemp("other") / "site"
    install(folder)
    return folder


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package can be imported in this process."""
    monkeypatch.syspath_prepend(str(site))
    forget_found_methods()
    yield
    _forget()


def _forget() -> None:
    forget_found_methods()
    sys.modules.pop("slomo_tint", None)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return excerpt("bikes", tmp_path / "bikes.mp4", num_frames=8, width=96, height=64)


def reds(path: Path) -> list[float]:
    """The mean of the red channel of every frame, 0 to 1."""
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="rgb24")[..., 0].mean()) / 255 for frame in container.decode(video=0)]


def stored_plans(job: Job) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes())["plan"] for path in job.work.glob("videos/*/pin.json")]


def test_a_job_is_planned_and_made_with_a_method_of_another_package(
    site: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(tmp_path / "job").write([str(clip)], **TINTED)
    assert main(["plan", str(job.manifest)]) == 2
    assert "'tint' is not one of duplicate, blend, mci, flow, superslomo" in capsys.readouterr().err
    env = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    arguments = [sys.executable, "-m", "slomo_batch", "run", str(job.manifest)]
    subprocess.run(arguments, env=env, check=True, capture_output=True, timeout=300)
    found = reds(job.outputs / "bikes.mkv")
    assert len(found) == 16
    assert all(RED[0] < red < RED[1] for red in found[1:-1:2]), found
    assert not any(RED[0] < red < RED[1] for red in found[::2]), found


@pytest.mark.usefixtures("installed")
def test_receipt_and_plan_name_its_version_and_its_weights(clip: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(clip)], **TINTED)
    assert main(["plan", str(job.manifest)]) == 0
    assert main(["run", str(job.manifest)]) == 0
    [published] = job.receipts().values()
    assert (published.weights_name, published.counts.made) == ("warm-1", 7)
    [plan] = stored_plans(job)
    assert plan["resolved"]["method_version"] == "slomo-tint 1.0, pixel version 1"
    [machine] = published.machines
    assert "slomo-tint 1.0, pixel version 1" in machine.builds


@pytest.mark.parametrize("changed", ["version of the package", "version of the pixels"])
def test_work_of_another_version_is_never_used(
    changed: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))
    job = Job(tmp_path / "job").write([str(clip)], **{**SECTIONS, "interpolate": {"method": "echo"}})
    ids = []
    for version, pixels in ("1.0", 1), ("1.1", 1) if changed == "version of the package" else ("1.0", 2):
        source = (Path(__file__).parents[1] / "interpolators/other_package/slomo_tint.py").read_text()
        install(site, version=version, source=source.replace("PIXEL_VERSION = 1", f"PIXEL_VERSION = {pixels}"))
        _forget()
        shutil.rmtree(job.outputs, ignore_errors=True)
        shutil.rmtree(job.work / "receipts", ignore_errors=True)
        assert main(["run", str(job.manifest), "--json"]) == 0
        opened = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        ids += [event["video_id"] for event in opened if event["event"] == "video_opened"]
    _forget()
    assert len(set(ids)) == 2


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("command", ["compare", "evaluate"])
def test_it_is_measured_beside_the_others(command: str, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flag = {"compare": "--methods", "evaluate": "--method"}[command]
    arguments = [command, str(clip), flag, "echo", "tint", "blend", "--weights", "warm", "--skip", "0", "--json"]
    assert main(arguments) == 0
    scores = {score["entry"]["label"]: score for score in json.loads(capsys.readouterr().out)["scores"]}
    assert scores.keys() == {"echo", "warm-1", "blend"}
    assert scores["warm-1"]["entry"]["method_version"] == "slomo-tint 1.0, pixel version 1"
    assert scores["blend"]["entry"]["method_version"] == ""
    assert scores["blend"]["psnr_db"] > max(scores["echo"]["psnr_db"], scores["warm-1"]["psnr_db"])


@pytest.mark.usefixtures("installed")
def test_weights_of_its_own_are_checked_and_kept(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    level = tmp_path / "cold.level"
    level.write_text("0.0")
    cold = {**TINTED, "interpolate": {"method": "tint", "weights": str(level)}}
    job = Job(tmp_path / "job").write([str(clip)], **cold)
    assert main(["run", str(job.manifest)]) == 0
    found = reds(job.outputs / "bikes.mkv")
    assert max(found[1:-1:2]) < min(found[::2])
    level.write_text("blue")
    other = Job(tmp_path / "other").write([str(clip)], **cold)
    capsys.readouterr()
    assert main(["run", str(other.manifest)]) == 2
    assert "cold.level: not a level of red" in capsys.readouterr().err
    named = {**TINTED, "interpolate": {"method": "tint", "weights": "hot"}}
    assert main(["run", str(Job(tmp_path / "named").write([str(clip)], **named).manifest)]) == 2
    assert "no shipped weights of this name, expected one of warm, warm-1, got 'hot'" in capsys.readouterr().err


def test_a_method_that_reads_frames_far_from_the_pair_makes_the_same_in_every_chunk(
    site: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(site))
    _forget()
    frames = []
    for pairs in ("auto", 2):
        job = Job(tmp_path / f"job-{pairs}")
        echoing = {**SECTIONS, "interpolate": {"method": "echo"}, "chunks": {"pairs": pairs}}
        assert main(["run", str(job.write([str(clip)], **echoing).manifest)]) == 0
        frames.append([one.frames_sha256 for one in job.receipts().values()])
    _forget()
    assert frames[0] == frames[1]
    assert len(frames[0]) == 1
