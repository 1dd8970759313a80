"""Whole commands: `convert` against FFmpeg's minterpolate, and many clips on one core and on all (make bench)."""

import json
import os
import shutil
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.commands import Measured, measure, minterpolate, slomo_batch
from tests.benchmarks.test_speed import circumstances, stage_seconds
from tests.end_to_end.running import Job, excerpt

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
PRESET, CRF, RATE = "medium", 18, 25
ROUNDS = 5
CLIPS = {"640x360": 49, "1280x720": 25, "1920x1080": 13}
"""Frames of the clip at each size."""
CORES = sorted(os.sched_getaffinity(0))


def row(name: str, runs: list[Measured], cores: int) -> dict[str, float | str]:
    wall_s = median(run.wall_s for run in runs)
    return {
        "command": name,
        "wall_s": round(wall_s, 2),
        "cpu_s": round(median(run.cpu_s for run in runs), 2),
        "cores_busy": round(median(run.busy(cores) for run in runs), 3),
        "peak_mib": round(max(run.peak_mib for run in runs)),
    }


def show(*rows: object) -> None:
    for one in (*rows, circumstances()):
        print(json.dumps(one))  # noqa: T201 the product of a benchmark


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
@pytest.mark.parametrize("size", CLIPS)
def test_one_clip_against_minterpolate(size: str, tmp_path: Path) -> None:
    """In pairs: each round runs every command once."""
    width, height = map(int, size.split("x"))
    clip = excerpt("bigbuckbunny", tmp_path / "clip.mp4", num_frames=CLIPS[size], width=width, height=height)
    runs: dict[str, list[Measured]] = {"minterpolate": [], "superslomo": [], "duplicate": []}
    stages: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, found in runs.items():
            output = tmp_path / f"{name}.mp4"
            output.unlink(missing_ok=True)
            work = tmp_path / ".slomo-work"
            shutil.rmtree(work, ignore_errors=True)
            if name == "minterpolate":
                command = minterpolate(clip, output, rate=RATE, preset=PRESET, crf=CRF)
            else:
                settings = f"encode={{preset: {PRESET}, quality: {CRF}}}", f"interpolate.method={name}"
                options = [part for setting in settings for part in ("--set", setting)]
                command = slomo_batch("convert", str(clip), str(output), *options)
            found.append(measure(command, cores=CORES, cwd=tmp_path))
            if name == "superslomo":
                stages = stage_seconds(work)
    ratios = [
        ours.wall_s / theirs.wall_s for ours, theirs in zip(*map(runs.get, ("superslomo", "minterpolate")), strict=True)
    ]
    rows = [row(name, found, len(CORES)) for name, found in runs.items()]
    show(
        f"{size}, {CLIPS[size]} frames, 4x, {len(CORES)} cores",
        *rows,
        stages,
        {"wall_of_minterpolate": round(median(ratios), 3)},
    )
    assert median(ratios) < 1


@pytest.mark.parametrize("address", ["inline", "local"])
def test_twelve_clips_on_one_core_and_on_all(address: str, tmp_path: Path) -> None:
    clips = [
        str(excerpt("bigbuckbunny", tmp_path / f"{number}.mp4", num_frames=13, width=640, height=360))
        for number in range(12)
    ]
    runs: dict[int, list[Measured]] = {1: [], len(CORES): []}
    for _ in range(ROUNDS - 2):
        for number, found in runs.items():
            job = Job(tmp_path / "job").write(
                clips, cluster={"address": address}, output={"uri": f"{tmp_path}/out/{{stem}}.mp4"}
            )
            found.append(measure(slomo_batch("run", str(job.manifest)), cores=CORES[:number], cwd=tmp_path))
            for folder in (tmp_path / "job", tmp_path / "out"):
                shutil.rmtree(folder)
    speedup = median(one.wall_s / many.wall_s for one, many in zip(*runs.values(), strict=True))
    show(
        address,
        *(row(f"{number} cores", found, number) for number, found in runs.items()),
        {"speedup": round(speedup, 3)},
    )
    assert speedup > 1
