"""Memory is constant: ten times the packets take no more, in driver, steps and worker. One inline process runs all."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.end_to_end.running import TIMEOUT_S, Job

NUM_FRAMES = 300
RAMP = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)
LARGEST_GROWTH = 1.10
MEASURED = """
import resource, sys
from slomo_batch.cli.main import main
code = main(sys.argv[1:])
print("peak-kib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
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


def peak_kib(folder: Path, num_frames: int) -> int:
    folder.mkdir()
    clip = tiny_clip(folder / "clip.mp4", num_frames)
    # One thread of each kind: how many run at once is the machine's business, not the clip's.
    cluster = {"address": "inline", "workers": {"max": 1}}
    job = Job(folder / "job").write(
        [str(clip)],
        interpolate={"method": "blend"},
        retime={"slowdown": 2},
        encode={"codec": "h264", "preset": "ultrafast"},
        cluster=cluster,
        chunks={"pairs": 50},
    )
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, "run", str(job.manifest)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert job.receipts()["clip"].num_frames == 2 * num_frames
    return int(run.stdout.rpartition("peak-kib ")[2])


def test_ten_times_the_packets_take_no_more_memory(tmp_path: Path) -> None:
    short, long = peak_kib(tmp_path / "short", NUM_FRAMES), peak_kib(tmp_path / "long", 10 * NUM_FRAMES)
    assert long < LARGEST_GROWTH * short, f"{short} KiB for {NUM_FRAMES} frames, {long} KiB for ten times as many"
