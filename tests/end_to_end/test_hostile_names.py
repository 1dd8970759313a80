"""Names and metadata of files cannot inject lines into a log or control sequences into a terminal."""

import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

from slomo_batch.cli.main import main
from tests.end_to_end.running import Job, excerpt

HOSTILE = '\x1b[2J\x1b]0;owned\x07\n{"event": "job_ended", "level": "info"}\r\x9b31m\u202egnp.\u2028[red]'
QUICK = {"interpolate": {"method": "duplicate"}, "encode": {"preset": "ultrafast"}, "retime": {"slowdown": 2}}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two files with hostile names: one is a good video with hostile metadata, the other is no video."""
    folder = tmp_path_factory.mktemp("hostile")
    source, inputs = folder / "source.mp4", folder / "in"
    inputs.mkdir()
    excerpt("bikes", source, num_frames=8, width=96, height=64)
    name = HOSTILE.replace("/", "")
    remux(source, inputs / f"good{name}.mkv")
    (inputs / f"bad{name}.mkv").write_bytes(b"not a video")
    return Job(folder / "job").write([f"{inputs}/*.mkv"], **QUICK)


def remux(source: Path, target: Path) -> None:
    """The same packets, with metadata that would clear the screen, and a audio track of a hostile title."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        made.metadata["title"] = made.metadata["comment"] = HOSTILE
        video = made.add_stream_from_template(given.streams.video[0])
        audio = made.add_stream("pcm_s16le", rate=8000, layout="mono")
        video.metadata["title"] = audio.metadata["title"] = audio.metadata["language"] = HOSTILE
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                made.mux(packet)
        frame = av.AudioFrame(format="s16", layout="mono", samples=2560)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        made.mux(audio.encode(frame))
        made.mux(audio.encode(None))


def test_a_whole_run_shows_hostile_names_escaped(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    log, manifest = job.folder / "run.log", str(job.manifest)
    first = job.run("--log", str(log))
    assert first.returncode == 1, first.stdout + first.stderr
    asked = {
        ("run", manifest, "--retry-failed", "--json", "--log", str(log)): 1,
        ("run", manifest, "--set", f"cluster.address={HOSTILE}"): 2,
        ("plan", manifest): 1,
        ("plan", manifest, "--json"): 1,
        ("status", manifest): 1,
        ("status", manifest, "--json"): 1,
        ("convert", HOSTILE, f"{job.folder}/{HOSTILE}.mp4"): 2,
    }
    assert {arguments: main(arguments) for arguments in asked} == asked
    said = [first.stdout, first.stderr, *capfd.readouterr(), log.read_text()]
    assert len(job.receipts()) == 1
    assert [line for text in said for line in text.split("\n") if not line.isprintable()] == []
    assert not any('\n{"event": "job_ended", "level": "info"}' in text for text in said)
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    [bad] = job.folder.parent.glob("in/bad*")
    assert {entry["uri"] for entry in entries if entry["event"] == "video_given_up"} == {str(bad)}
