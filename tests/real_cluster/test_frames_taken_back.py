"""A worker that dies in the middle of a chunk: its frames are taken back, and a line says why."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.running import PATIENCE_S, Job, excerpt
from tests.real_cluster.test_hanging_worker import busy_worker

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
NUM_FRAMES = 60


def events(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def test_frames_of_a_worker_that_is_killed_are_taken_back_with_a_word(tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "clip.mp4", num_frames=NUM_FRAMES, width=320, height=192)
    job = Job(tmp_path / "job").write(
        [str(clip)], retime={"slowdown": 8}, encode={"preset": "ultrafast"}, cluster={"address": "local"}
    )
    log = tmp_path / "log"
    driver = job.begin("--json", log=log)
    deadline = time.monotonic() + PATIENCE_S
    while not any(event.get("frames_in_progress", 0) > 20 for event in events(log)):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    os.kill(busy_worker(driver.pid), signal.SIGKILL)
    driver.communicate(timeout=400)
    assert driver.returncode == 0
    shown = events(log)
    names = [event["event"] for event in shown]
    lost = names.index("attempt_failed")
    assert (shown[lost]["error"], names[lost + 1]) == ("WorkerLost", "frames_taken_back")
    assert shown[lost + 1]["num_frames"] > 20
    snapshots = [event for event in shown if event["event"] == "snapshot"]
    assert snapshots[-1]["frames_done"] == NUM_FRAMES * 8
    assert (snapshots[-1]["fraction"], snapshots[-1]["faults"]) == (1.0, 1)
    falls = [
        place for place in range(1, len(snapshots)) if snapshots[place]["fraction"] < snapshots[place - 1]["fraction"]
    ]
    assert len(falls) == 1
