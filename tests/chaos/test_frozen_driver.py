"""A driver that freezes past its expiry loses the job; after waking it stops without damage. A minute and a half."""

import signal
from pathlib import Path

import pytest

from tests.end_to_end.running import Job, excerpt, frame_hashes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]
SECTIONS = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": 16}, "chunks": {"pairs": 2}}


@pytest.mark.parametrize("address", ["inline", "local"])
def test_a_frozen_driver_is_superseded_and_stops_after_waking(address: str, tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "clip.mp4", num_frames=24, width=320, height=192)
    reference = Job(tmp_path / "reference").write([str(clip)], **SECTIONS)
    assert reference.run().returncode == 0
    job = Job(tmp_path / "job").write([str(clip)], **SECTIONS, cluster={"address": address})
    frozen = job.begin()
    job.wait_for_commits(1)
    frozen.send_signal(signal.SIGSTOP)
    committed = {done.chunk_id: done.attempt for done in job.commits()}
    successor = job.run()
    assert successor.returncode == 0, successor.stdout + successor.stderr
    published = job.receipts()
    frozen.send_signal(signal.SIGCONT)
    output, _ = frozen.communicate(timeout=120)
    assert frozen.returncode == 3, output
    assert "took this job over" in output
    assert job.receipts() == published
    assert committed.items() <= {done.chunk_id: done.attempt for done in job.commits()}.items()
    expected = reference.receipts()["clip"]
    assert published["clip"].frames_sha256 == expected.frames_sha256
    assert frame_hashes(Path(published["clip"].output_uri)) == frame_hashes(Path(expected.output_uri))
