"""Repeated frames that are left out: the same frames for any chunks and faults, and the time of everything kept."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from slomo_batch.media.frames import picture_from_frame
from tests.clips.film import AudioTone, add_audio, audio_packets, decode_time
from tests.end_to_end.running import Job, cli, frame_hashes, kill, real_clip

SIZE = 96, 64
SLOWDOWN = 2
PATTERNS = {"twos": (2,), "film-in-30": (1, 1, 1, 2), "film-in-60": (2, 3)}
NUM_NEW = 20
SECTIONS: dict[str, Any] = {
    "encode": {"codec": "ffv1"},
    "retime": {"slowdown": SLOWDOWN},
    "interpolate": {"method": "blend", "duplicates": "retime"},
}


def repeating(path: Path, pattern: Sequence[int]) -> Path:
    """NUM_NEW frames of a real clip, each shown so many times in turn, coded with B-frames, with a tone."""
    rate = Fraction(30)
    with av.open(str(real_clip("bikes"))) as source, av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=rate, options={"crf": "20", "g": "12", "threads": "1"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        tone = AudioTone()
        track = add_audio(target, tone)
        packets, number = [], 0
        for frame, num_times in zip(source.decode(video=0), islice(cycle(pattern), NUM_NEW), strict=False):
            small = frame.reformat(*SIZE, "yuv420p").to_ndarray()
            for _ in range(num_times):
                again = av.VideoFrame.from_ndarray(small, format="yuv420p")
                again.pts, again.time_base = number, 1 / rate
                packets += video.encode(again)
                number += 1
        packets += [*video.encode(None), *audio_packets(track, tone, float(number / rate))]
        target.mux(sorted(packets, key=decode_time))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("repeats")
    return [str(repeating(folder / f"{name}.mp4", pattern)) for name, pattern in PATTERNS.items()]


def run(job: Job, inputs: Sequence[str | Mapping[str, Any]], **sections: Any) -> Job:
    done = job.write(inputs, **{**SECTIONS, **sections}).run()
    assert done.returncode == 0, done.stdout + done.stderr
    return job


@pytest.fixture(scope="module")
def reference(clips: list[str], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One chunk per video."""
    return run(Job(tmp_path_factory.mktemp("one-chunk")), clips, chunks={"pairs": 1000})


def frames(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [picture_from_frame(frame).luma.astype(np.float64) for frame in container.decode(video=0)]


def test_new_frames_are_shown_untouched_at_even_distances(clips: list[str], reference: Job) -> None:
    for clip, (name, pattern) in zip(clips, PATTERNS.items(), strict=True):
        published = reference.receipts()[name]
        source, made = frame_hashes(Path(clip)), frame_hashes(Path(published.output_uri))
        assert len(made) == published.num_frames == SLOWDOWN * len(source)
        assert published.counts.held_repeat == 0
        step = Fraction(sum(pattern), len(pattern))
        firsts = np.cumsum([0, *islice(cycle(pattern), NUM_NEW - 1)])
        for number, first in enumerate(firsts.tolist()):
            place = SLOWDOWN * step * number
            if place.denominator == 1:
                assert made[int(place)] == source[first], (name, number)
        assert f"{len(source) - NUM_NEW} of {len(source)} source frames repeat the one before" in published.notes[0]


def test_motion_is_as_even_as_that_of_the_original_frames(clips: list[str], reference: Job, tmp_path: Path) -> None:
    kept = run(Job(tmp_path), clips[:1], interpolate={"method": "blend"})
    changes = []
    for job in (kept, reference):
        made = frames(Path(job.receipts()["twos"].output_uri))[: 4 * (NUM_NEW - 1)]
        moved = np.array([np.abs(after - before).mean() for before, after in pairwise(made)])
        changes.append(moved[: len(moved) // 4 * 4].reshape(-1, 4).mean(axis=0))
    stutter, even = changes  # where a repeated frame is held, nothing moves at all
    assert stutter.max() > 5 * stutter.min()
    assert 0 < even.max() < 1.5 * even.min()


def test_many_chunks_make_the_same_frames(clips: list[str], reference: Job, tmp_path: Path) -> None:
    job = run(Job(tmp_path), clips, chunks={"pairs": 1})
    assert len(job.commits()) > len(reference.commits())
    assert_same(job, reference)


def assert_same(job: Job, reference: Job) -> None:
    for name, published in job.receipts().items():
        expected = reference.receipts()[name]
        assert published.frames_sha256 == expected.frames_sha256, name
        assert frame_hashes(Path(published.output_uri)) == frame_hashes(Path(expected.output_uri)), name


def test_a_killed_driver_and_damaged_surveys_change_no_frame(clips: list[str], reference: Job, tmp_path: Path) -> None:
    job = Job(tmp_path).write(clips, **SECTIONS, chunks={"pairs": 3})
    driver = job.begin()
    job.wait_for_commits(1)
    kill(driver)
    for survey in job.work.glob("videos/*/survey.npz"):
        survey.write_bytes(survey.read_bytes()[:-40])
    for archive in job.work.glob("videos/*/chunks/*/*"):
        archive.unlink()
    done = job.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "survey.npz: the survey is damaged" in done.stdout
    assert len(job.receipts()) == len(clips)
    assert_same(job, reference)


def test_ranges_and_ramps_make_the_same_frames(clips: list[str], tmp_path: Path) -> None:
    keys = [{"at": 0, "slowdown": 1}, {"at": 0.4, "slowdown": 3}, {"at": 0.7, "slowdown": 1}]
    inputs = [
        {"uri": clips[2], "retime": {"range": {"start": 0.2, "duration": 0.7}}},
        {"uri": clips[1], "retime": {"ramp": keys}},
    ]
    assert_same(*(run(Job(tmp_path / str(pairs)), inputs, chunks={"pairs": pairs}) for pairs in (2, 1000)))


def test_sound_is_as_long_as_the_pictures(reference: Job) -> None:
    for name, published in reference.receipts().items():
        with av.open(published.output_uri) as container:
            [audio] = container.streams.audio
            last = max((p.pts + (p.duration or 0)) * p.time_base for p in container.demux(audio) if p.pts is not None)
        assert abs(last - published.duration_s) < Fraction(1, 20), name


def test_the_sidecar_counts_what_is_left_out(reference: Job) -> None:
    found = json.loads((reference.outputs / "twos.mkv.slomo.json").read_bytes())
    assert found["source"]["num_frames"] == NUM_NEW
    assert found["source"]["left_out"] == {"repeated": NUM_NEW}


def test_a_plan_estimates_until_the_videos_are_surveyed_and_the_run_uses_the_surveys(
    clips: list[str], tmp_path: Path
) -> None:
    job = Job(tmp_path).write(clips[:1], **SECTIONS)
    estimated = cli("plan", str(job.manifest))
    assert f"{2 * NUM_NEW} -> {4 * NUM_NEW} frames" in estimated.stdout
    assert "estimated: repeated frames are left out" in estimated.stdout
    assert not list(tmp_path.glob("work/**/*"))
    counted = cli("plan", str(job.manifest), "--survey")
    assert counted.returncode == 0, counted.stderr
    assert f"{NUM_NEW} -> {4 * NUM_NEW} frames" in counted.stdout
    assert f"{NUM_NEW} of {2 * NUM_NEW} source frames repeat the one before: they are left out" in counted.stdout
    assert "surveying" in counted.stderr
    again = cli("plan", str(job.manifest))
    assert again.stdout == counted.stdout, "the survey is stored"
    done = job.run()
    assert done.returncode == 0, done.stdout
    assert "surveying" not in done.stdout
