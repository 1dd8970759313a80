"""The train command on Ray: a killed run resumes, and ends like an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from slomo_batch.cli.main import main
from slomo_batch.training.run_folder import CHECKPOINT, METRICS
from tests.architecture.project import ROOT
from tests.training.footage import short_config
from tests.training.test_distributed import environment

pytestmark = pytest.mark.timeout(1800)


def words(config: Path, out: Path, *more: str) -> list[str]:
    options = ["--out", str(out), "--validate-every", "0", "--checkpoint-every", "0.2"]
    return ["train", str(config), *options, *more]


def ends_of(*folders: Path) -> list[dict[str, torch.Tensor]]:
    kept = [torch.load(folder / CHECKPOINT, weights_only=True) for folder in folders]
    assert len({end["step"] for end in kept}) == 1
    return [end["average"] for end in kept]


def losses(folder: Path) -> list[float]:
    logged = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [line["loss"] for line in logged if "loss" in line]


def test_it_trains_in_this_process_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    config = short_config(tmp_path, 4)
    inline = ("--address", "inline", "--data-workers", "0")
    assert main(words(config, tmp_path / "two", *inline, "--stop-at", "2")) == 0
    assert main(words(config, tmp_path / "two", *inline)) == 0
    assert main(words(config, tmp_path / "one", *inline)) == 0
    two, one = ends_of(tmp_path / "two", tmp_path / "one")
    assert all(torch.equal(two[key], one[key]) for key in one)


def begin(arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "slomo_batch", *arguments]
    return subprocess.Popen(command, env=environment(), start_new_session=True)


def steps_kept(folder: Path) -> int:
    path = folder / CHECKPOINT
    return int(torch.load(path, weights_only=True)["step"]) if path.exists() else 0


def wait_for_step(run: subprocess.Popen[bytes], folder: Path, step: int) -> None:
    while steps_kept(folder) < step:
        assert run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.1)


@pytest.mark.training
def test_killed_at_any_moment_it_ends_as_the_unbroken_run(tmp_path: Path) -> None:
    config = short_config(tmp_path, 240)
    killed, unbroken = tmp_path / "killed", tmp_path / "unbroken"
    on_ray = words(config, killed, "--address", "local")
    run = begin(on_ray)
    wait_for_step(run, killed, 5)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run = begin(on_ray)
    worker = worker_of(run)  # until it has the folder's lock, the worker of the killed run may go on
    wait_for_step(run, killed, steps_kept(killed) + 5)
    worker.kill()  # Ray starts another, in the same run
    assert run.wait() == 0
    assert main(words(config, unbroken, "--address", "inline", "--data-workers", "0")) == 0
    ours, theirs = ends_of(killed, unbroken)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert losses(killed) == losses(unbroken)
    assert len(losses(killed)) == 24


def worker_of(run: subprocess.Popen[bytes]) -> psutil.Process:
    """The process of a run that trains, once it has begun."""
    while True:
        assert run.poll() is None, "the run ended before its worker was seen"
        for child in psutil.Process(run.pid).children(recursive=True):
            if is_training(child):
                return child
        time.sleep(0.1)


def is_training(process: psutil.Process) -> bool:
    try:
        return "RayTrainWorker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


@pytest.mark.training
def test_two_workers_of_ray_train_together(tmp_path: Path) -> None:
    config = short_config(tmp_path, 10)
    both, alone = tmp_path / "both", tmp_path / "alone"
    assert begin(words(config, both, "--address", "local", "--workers", "2")).wait() == 0
    assert main(words(config, alone, "--address", "inline", "--data-workers", "0")) == 0
    assert losses(both) == pytest.approx(losses(alone), rel=1e-3)


@pytest.mark.training
def test_weights_are_trained_exported_and_measured_in_limited_time(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.device_training", str(short_config(tmp_path, 1000))]
    command += ["--out", str(tmp_path / "run"), "--minutes", "0.2", "--beside"]
    found = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=True)
    assert "stopped after step" in found.stderr
    assert (tmp_path / "run" / "trained.safetensors").exists()
    assert "bigbuckbunny.mp4 4x" in found.stdout
    assert "s  done" in found.stdout
