"""Common failures: each has a clear message and an exit code, and loses no good work."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.running import Job, endless, excerpt, kill

QUICK = {"interpolate": {"method": "blend"}, "encode": {"preset": "ultrafast"}, "retime": {"slowdown": 2}}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.mp4"
    return excerpt("bikes", path, num_frames=24, width=160, height=96)


def test_bad_videos_fail_with_a_reason_and_the_good_one_is_published(good: Path, tmp_path: Path) -> None:
    bad = {
        "empty.mp4": b"",
        "text.mp4": b"this is not a video\n" * 50,
        "truncated.mp4": good.read_bytes()[: good.stat().st_size // 3],
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    inputs = [*(str(tmp_path / name) for name in bad), str(tmp_path / "missing.mp4"), str(good)]
    job = Job(tmp_path / "job").write(inputs, **QUICK)
    run = job.run("--json")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert list(job.receipts()) == ["good"]
    failed = {
        Path(event["uri"]).name: event["reason"]
        for event in map(json.loads, run.stdout.splitlines())
        if event["event"] == "video_given_up"
    }
    assert failed.keys() == {*bad, "missing.mp4"}
    assert all(failed.values())


def test_a_failed_video_waits_for_retry_failed(good: Path, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"nothing yet")
    job = Job(tmp_path / "job").write([str(source)], **QUICK)
    first = job.run()
    assert first.returncode == 1
    assert "\nthe next run tries 1 failed video again with --retry-failed, or if its file is replaced\n" in first.stdout
    assert job.run().returncode == 1
    assert not job.receipts()
    source.write_bytes(good.read_bytes())
    repaired = job.run()
    assert repaired.returncode == 0, "a source that changed is another source: " + repaired.stdout + repaired.stderr


def test_a_job_with_only_failed_videos_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    job = Job(tmp_path / "job").write([str(tmp_path / "clip.mp4")], **QUICK)
    assert job.run().returncode == 1
    waiting, again = job.run("--json"), job.run("--retry-failed", "--json")
    assert (waiting.returncode, again.returncode) == (1, 1)
    assert "--retry-failed" in waiting.stdout
    assert "--retry-failed" not in again.stdout
    assert len(list((job.work / "failures").glob("*.json"))) == 1


def test_a_bad_manifest_starts_nothing(good: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(good)], encode={"codec": "h256", "quality": 99})
    run = job.run()
    assert run.returncode == 2
    assert "did you mean h264" in run.stderr
    assert not (tmp_path / "job" / "work").exists()


def test_an_unowned_output_is_replaced_only_with_replace(good: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(good)], **QUICK)
    job.outputs.mkdir()
    (job.outputs / "good.mkv").write_bytes(b"precious")
    assert job.run().returncode == 1
    assert (job.outputs / "good.mkv").read_bytes() == b"precious"
    replaced = job.run("--set", "output.exists=replace")
    assert replaced.returncode == 0, replaced.stdout + replaced.stderr
    assert (job.outputs / "good.mkv").read_bytes() != b"precious"


def test_an_output_that_was_deleted_is_made_again(good: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(good)], **QUICK)
    assert job.run().returncode == 0
    before = job.receipts()["good"]
    (job.outputs / "good.mkv").unlink()
    again = job.run()
    assert again.returncode == 0, again.stdout + again.stderr
    assert job.receipts()["good"].frames_sha256 == before.frames_sha256
    assert (job.outputs / "good.mkv").stat().st_size > 0


def test_force_makes_published_videos_again_and_a_later_run_finds_all_done(good: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(good)], **QUICK)
    assert job.run().returncode == 0
    before, attempts = job.receipts()["good"], {done.attempt for done in job.commits()}
    forced = job.run("--force")
    assert forced.returncode == 0, forced.stdout + forced.stderr
    assert job.receipts()["good"].frames_sha256 == before.frames_sha256
    assert attempts.isdisjoint(done.attempt for done in job.commits())
    again = job.run("--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert not job.run("--take-over").returncode


def test_a_second_driver_is_refused_while_the_first_one_is_alive(tmp_path: Path) -> None:
    job = endless(tmp_path)
    first = job.begin()
    job.wait_for_commits(1)
    second = job.run()
    assert first.poll() is None, "the first one is to live while the second one looks"
    kill(first)
    assert second.returncode == 3, second.stdout + second.stderr
    assert "being run by process" in second.stderr
    assert not job.receipts()


def test_a_damaged_segment_in_the_work_place_never_reaches_an_output(tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "good.mp4", num_frames=24, width=320, height=192)
    sections = {**QUICK, "interpolate": {"method": "superslomo"}, "retries": {"chunk": 1}, "retime": {"slowdown": 8}}
    job = Job(tmp_path / "job").write([str(clip)], **sections, chunks={"pairs": 1})
    driver = job.begin()
    job.wait_for_commits(1)
    kill(driver)
    committed = job.commits()[0]
    segment = tmp_path / "job/work" / committed.segment_key
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    mended = job.run()
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert f"{committed.attempt}.nut: this committed object is missing or damaged" in mended.stdout
    assert committed.attempt not in {done.attempt for done in job.commits()}
    assert (job.outputs / "good.mkv").exists()
