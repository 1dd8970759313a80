"""Memory is constant: ten times the packets take no more, in driver, steps and worker. One inline process runs all."""

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.end_to_end.running import TIMEOUT_S, Job

NUM_FRAMES = 300
RAMP = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)
LARGEST_GROWTH = 1.10
MEASURED = """
import resource, sys
from slomo_batch.cli.main import main
from slomo_batch.sandbox import fork_client
code = main(sys.argv[1:])
fork_client.close()
print("peak-kib", sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
sys.exit(code)
"""


def tiny_clip(path: Path, num_frames: int) -> Path:
    """A ramp of 48x32 that drifts, a keyframe each second, with noise as audio, as long."""
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as target:
        video = target.add_stream("mpeg4", rate=Fraction(25), options={"g": "25"})
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        audio = target.add_stream("aac", rate=16000, layout="mono")
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(RAMP + np.uint8(number % 50), "yuv420p")
            frame.pts = number
            target.mux(video.encode(frame))
            samples = (rng.standard_normal((1, 640)) * 3000).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            heard.sample_rate, heard.pts = 16000, number * 640
            target.mux(audio.encode(heard))
        target.mux(video.encode(None))
        target.mux(audio.encode(None))
    return path


# One thread of each kind: how many run at once is the machine's business, not the clip's.
ONE_OF_EACH = {"address": "inline", "workers": {"max": 1}}


def peak_kib(
    folder: Path,
    num_frames: int,
    *,
    num_videos: int = 1,
    method: str = "blend",
    pairs: int = 50,
    all_cores: bool = False,
) -> int:
    """Largest resident set of a job of equal videos in chunks of so many pairs."""
    folder.mkdir()
    clips = [folder / f"clip-{number}.mp4" for number in range(num_videos)]
    tiny_clip(clips[0], num_frames)
    for clip in clips[1:]:
        shutil.copyfile(clips[0], clip)
    job = Job(folder / "job").write(
        [str(clip) for clip in clips],
        interpolate={"method": method},
        retime={"slowdown": 2},
        encode={"codec": "h264", "preset": "ultrafast"},
        cluster={"address": "inline"} if all_cores else ONE_OF_EACH,
        chunks={"pairs": pairs},
    )
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, "run", str(job.manifest)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ} if all_cores else {**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert [one.num_frames for one in job.receipts().values()] == [2 * num_frames] * num_videos
    return int(run.stdout.rpartition("peak-kib ")[2])


@pytest.mark.slow
def test_ten_times_the_packets_take_no_more_memory(tmp_path: Path) -> None:
    short, long = peak_kib(tmp_path / "short", NUM_FRAMES), peak_kib(tmp_path / "long", 10 * NUM_FRAMES)
    assert long < LARGEST_GROWTH * short, f"{short} KiB for {NUM_FRAMES} frames, {long} KiB for ten times as many"


@pytest.mark.slow
def test_a_chunk_of_a_film_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """All pairs are of one chunk, and the network makes several of them at once. malloc is as it is by default."""
    options: dict[str, Any] = {"method": "superslomo", "pairs": 10_000, "all_cores": True}
    short, long = (peak_kib(tmp_path / str(number), number, **options) for number in (400, 4000))
    assert long < LARGEST_GROWTH * short, f"{short} KiB for 400 frames, {long} KiB for 4000"


@pytest.mark.slow
def test_many_chunks_and_many_videos_take_no_more_memory_than_few(tmp_path: Path) -> None:
    few, many = (peak_kib(tmp_path / str(number), 60, num_videos=number, pairs=5, all_cores=True) for number in (6, 60))
    assert many < LARGEST_GROWTH * few, f"{few} KiB for 6 videos, {many} KiB for 60"
