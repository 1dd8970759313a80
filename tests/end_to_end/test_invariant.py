"""The same frames, whatever the chunks, the engine, the number of workers, and the killed processes.

All tests of `make test` that start a Ray are in this file: they run one after another.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.running import PATIENCE_S, REAL_CLIPS, Job, endless, excerpt, frame_hashes, interlaced, kill

NUM_FRAMES = 20
LOSSLESS = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": 3}}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Real clips, the last one interlaced: its frames are fields."""
    folder = tmp_path_factory.mktemp("clips")
    paths = [excerpt(name, folder / f"{name}.mp4", num_frames=NUM_FRAMES, width=192, height=112) for name in REAL_CLIPS]
    paths.append(interlaced(paths[0], folder / "interlaced.mp4"))
    return [str(path) for path in paths]


@pytest.fixture(scope="module")
def reference(clips: list[str], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The reference job: one chunk per video, in one process."""
    job = Job(tmp_path_factory.mktemp("one-chunk")).write(clips, **LOSSLESS, chunks={"pairs": 1000})
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(job.commits()) == len(clips)
    return job


def assert_same_frames(job: Job, reference: Job) -> None:
    got, expected = job.receipts(), reference.receipts()
    assert got.keys() == expected.keys()
    for name, published in got.items():
        assert published.frames_sha256 == expected[name].frames_sha256, name
        hashes = frame_hashes(Path(published.output_uri))
        assert hashes == frame_hashes(Path(expected[name].output_uri)), name
        assert len(hashes) == published.num_frames == NUM_FRAMES * 3


def test_source_frames_keep_their_values(reference: Job, clips: list[str]) -> None:
    for clip in clips[:-1]:
        output = reference.receipts()[Path(clip).stem].output_uri
        assert frame_hashes(Path(output))[::3] == frame_hashes(Path(clip))


@pytest.mark.parametrize("pairs", [1, 7])
def test_many_chunks_make_the_same_frames(pairs: int, clips: list[str], reference: Job, tmp_path: Path) -> None:
    job = Job(tmp_path).write(clips, **LOSSLESS, chunks={"pairs": pairs})
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert_same_frames(job, reference)


@pytest.mark.parametrize(("cores", "cores_later"), [pytest.param(1, 5, marks=pytest.mark.slow), (2, 1), (5, 2)])
def test_any_number_of_cores_makes_the_same_frames_after_a_kill_too(
    cores: int, cores_later: int, clips: list[str], reference: Job, tmp_path: Path
) -> None:
    cluster = {"address": "inline", "workers": {"max": 1}, "cpus_per_worker": cores}
    job = Job(tmp_path).write(clips, **LOSSLESS, chunks={"pairs": 9}, cluster=cluster)
    driver = job.begin()
    job.wait_for_commits(2)
    kill(driver)
    assert len(job.receipts()) < len(clips)
    run = job.run("--set", f"cluster.cpus_per_worker={cores_later}")
    assert run.returncode == 0, run.stdout + run.stderr
    assert_same_frames(job, reference)


def test_chunks_of_a_method_that_reads_beyond_the_pair_make_the_same_frames(clips: list[str], tmp_path: Path) -> None:
    sections = {**LOSSLESS, "interpolate": {"method": "mci"}}
    whole = Job(tmp_path / "whole").write(clips[:1], **sections, chunks={"pairs": 1000})
    cut = Job(tmp_path / "cut").write(clips[:1], **sections, chunks={"pairs": 3})
    for job in (whole, cut):
        run = job.run()
        assert run.returncode == 0, run.stdout + run.stderr
    assert len(whole.commits()) == 1 < len(cut.commits())
    assert_same_frames(cut, whole)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize(("workers", "cores"), [(1, 2), (2, 1)])
def test_ray_makes_the_same_frames(workers: int, cores: int, clips: list[str], reference: Job, tmp_path: Path) -> None:
    cluster = {"address": "local", "workers": {"min": workers, "max": workers}, "cpus_per_worker": cores}
    job = Job(tmp_path).write(clips, **LOSSLESS, chunks={"pairs": 6}, cluster=cluster)
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert_same_frames(job, reference)


@pytest.mark.ray
def test_a_job_whose_worker_and_then_driver_were_killed_is_resumed(
    clips: list[str], reference: Job, tmp_path: Path
) -> None:
    cluster = {"address": "local", "workers": {"min": 1, "max": 1}, "cpus_per_worker": 2}
    job = Job(tmp_path).write(clips, **LOSSLESS, chunks={"pairs": 2}, cluster=cluster)
    driver = job.begin()
    job.wait_for_commits(4)
    worker = next(iter(workers_of(driver.pid)))
    os.kill(worker, signal.SIGKILL)
    job.wait_for_commits(len(job.commits()) + 4)
    kill(driver)
    committed = {done.chunk_id: done.attempt for done in job.commits()}
    assert 0 < len(committed) < 3 * NUM_FRAMES / 2
    assert not job.receipts() or len(job.receipts()) < len(clips)
    run = job.run("--set", "cluster.cpus_per_worker=5")
    assert run.returncode == 0, run.stdout + run.stderr
    assert_same_frames(job, reference)
    kept = {done.chunk_id: done.attempt for done in job.commits()}
    assert committed.items() <= kept.items(), "what was committed before the kill is not made again"


@pytest.mark.parametrize("address", ["inline", pytest.param("local", marks=[pytest.mark.ray, pytest.mark.slow])])
def test_a_stop_drains_and_the_next_run_resumes(address: str, tmp_path: Path) -> None:
    job = endless(tmp_path)
    running = job.begin("--set", f"cluster.address={address}")
    job.wait_for_commits(1)
    running.send_signal(signal.SIGTERM)
    output, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, output
    committed = {done.chunk_id: done.attempt for done in job.commits()}
    assert committed
    assert not job.receipts()
    resumed = job.begin()
    job.wait_for_commits(len(committed) + 2)
    kill(resumed)
    assert committed.items() <= {done.chunk_id: done.attempt for done in job.commits()}.items()


def workers_of(pid: int) -> Iterator[int]:
    """The actors that make chunks, among the descendants of a driver."""
    for process in psutil.Process(pid).children(recursive=True):
        if "ChunkWorker" in " ".join(process.cmdline()):
            yield process.pid
