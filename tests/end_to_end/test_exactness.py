"""Outputs match the plan to the tick; ffprobe, if installed, confirms it."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.media.probe import Probe
from slomo_batch.timeline.retiming import FrameTime, OutputGrid
from tests.clips.catalogue import clip, names
from tests.end_to_end.running import Job, cli, excerpt, frame_hashes
from tests.media.sources import Opened, straight

needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe: apt install ffmpeg")
QUICK = {"interpolate": {"method": "blend"}, "encode": {"preset": "ultrafast"}}


def probed(path: Path, *options: str) -> Any:
    found = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *options, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout)


def video_times(path: Path) -> list[Fraction]:
    """Presentation times of the video's frames in seconds, in order."""
    stream = probed(path, "-select_streams", "v", "-show_entries", "stream=time_base")["streams"][0]
    packets = probed(path, "-select_streams", "v", "-show_entries", "packet=pts")["packets"]
    return sorted(int(packet["pts"]) * Fraction(stream["time_base"]) for packet in packets)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return excerpt("bikes", tmp_path_factory.mktemp("source") / "clip.mp4", num_frames=25, width=160, height=96)


@needs_ffprobe
@pytest.mark.parametrize(
    ("retime", "rate", "num_frames"),
    [
        ({"slowdown": 4}, Fraction(25), 100),
        ({"slowdown": "5/2"}, Fraction(25), 63),
        ({"slowdown": 1, "fps": "60000/1001"}, Fraction(60000, 1001), 60),
        ({"slowdown": 8, "fps": 60}, Fraction(60), 480),
        ({"slowdown": 1, "fps": "x2"}, Fraction(50), 50),
    ],
)
def test_ffprobe_finds_every_frame_at_its_time(
    retime: dict[str, Any], rate: Fraction, num_frames: int, source: Path, tmp_path: Path
) -> None:
    job = Job(tmp_path).write(
        [str(source)], **QUICK, retime=retime, chunks={"pairs": 4}, output={"uri": f"{tmp_path}/out/{{stem}}.mp4"}
    )
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    output = tmp_path / "out/clip.mp4"
    assert video_times(output) == [Fraction(number) / rate for number in range(num_frames)]
    stream = probed(output, "-select_streams", "v", "-show_entries", "stream=r_frame_rate,nb_frames,duration")[
        "streams"
    ][0]
    assert Fraction(stream["r_frame_rate"]) == rate
    assert int(stream["nb_frames"]) == num_frames
    assert abs(Fraction(stream["duration"]) - num_frames / rate) < Fraction(1, 1000)


@pytest.fixture(scope="module")
def all_clips(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One job over every test clip, in small chunks, without loss; those it must refuse among them."""
    folder = tmp_path_factory.mktemp("all_clips")
    for name in names():
        made = clip(name)
        (folder / f"{name}{made.suffix}").write_bytes(made.data)
    job = Job(folder / "job").write(
        [f"{folder}/*.*"],
        interpolate={"method": "blend"},
        encode={"codec": "ffv1"},
        retime={"slowdown": 2},
        chunks={"pairs": 5},
    )
    run = job.run()
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    return job


def test_all_sources_except_the_refused_kinds_are_published(all_clips: Job) -> None:
    assert set(all_clips.receipts()) == set(names("copy", "decode"))
    assert len(list((all_clips.work / "failures").glob("*.json"))) == len(names("refused"))


@pytest.mark.parametrize("name", names("copy", "decode"))
def test_every_source_frame_is_unchanged_and_at_its_time(name: str, all_clips: Job) -> None:
    made, published = clip(name), all_clips.receipts()[name]
    probe = Opened.of(name, made.data).probe
    hashes = frame_hashes(Path(published.output_uri))
    assert len(hashes) == published.num_frames
    own = straight(made.data, probe.facts)
    arrived = {
        time.pair: hashes[time.frame]
        for time in grid_times(probe, published.num_frames)
        if time.t == 0 and time.pair < len(own)
    }
    assert published.counts.held_damaged or len(own) == probe.timeline.num_frames
    if not published.counts.held_damaged:
        assert [arrived[pair] for pair in sorted(arrived)] == [own[pair] for pair in sorted(arrived)]


def test_a_frame_missing_from_copied_packets_moves_its_video_to_the_other_lane(all_clips: Job) -> None:
    published = all_clips.receipts()["corrupt_late"]
    assert Opened.of("corrupt_late", clip("corrupt_late").data).probe.facts.lane == "copy"
    lane = json.loads((all_clips.work / "videos" / published.video_id / "lane.json").read_text())
    assert lane["lane"] == "decode"
    assert published.counts.held_damaged == 1
    assert any("could not be decoded" in note for note in published.notes)


def test_more_damage_than_the_tolerance_fails_the_video(tmp_path: Path) -> None:
    source = tmp_path / "damaged.mp4"
    source.write_bytes(clip("corrupt_late").data)
    job = Job(tmp_path / "job").write([str(source)], **QUICK, limits={"max_held_frames": 0})
    run = job.run()
    assert run.returncode == 1, run.stdout + run.stderr
    assert "max_held_frames" in run.stdout
    assert not job.receipts()


def grid_times(probe: Probe, num_frames: int) -> list[FrameTime]:
    timeline = probe.timeline
    grid = OutputGrid.covering(timeline, rate=timeline.nominal_rate, slowdown=Fraction(2))
    assert grid.num_frames == num_frames
    return list(grid.frame_times(timeline.ticks, timeline.tick_s, 0, range(num_frames)))


@needs_ffprobe
def test_the_demo_clip_keeps_its_audio_in_sync(tmp_path: Path) -> None:
    output = tmp_path / "slow.mp4"
    clip, quick = (
        "jobs/clips/big-buck-bunny.mp4",
        ("--method", "duplicate", "--set", "encode.preset=ultrafast"),
    )
    run = cli("convert", clip, str(output), "--slowdown", "2", *quick)
    assert run.returncode == 0, run.stdout + run.stderr
    streams = probed(output, "-show_entries", "stream=codec_type,duration,start_time")["streams"]
    durations = {stream["codec_type"]: float(stream["duration"]) for stream in streams}
    assert durations["video"] == pytest.approx(6.0, abs=0.001)
    assert durations["audio"] == pytest.approx(6.0, abs=0.05)
