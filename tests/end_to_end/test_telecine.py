"""Telecined and mixed video as whole jobs: film comes back bit for bit, and chunks do not change it."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.clips.hard_telecine import film_frames, telecined
from tests.clips.interlaced import H264, Fields, encoded, pictures
from tests.end_to_end.running import Job, cli, decoded

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
SECTIONS = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": 1}, "interpolate": {"method": "blend"}}
NUM_FILM = 28
LOSSLESS = Fields(suffix=".mkv", codec="ffv1", rate=NTSC, header=2)
FLAGGED = Fields(suffix=".ts", options=H264, num_pictures=14)
PLAIN = replace(FLAGGED, flagged="prog", options={name: value for name, value in H264.items() if name != "flags"})
TELECINED, MIXED, PARTS = "telecined.mkv", "mixed.ts", "parts.mkv"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("telecine")
    datas = {
        TELECINED: encoded(LOSSLESS, telecined(film_frames(NUM_FILM))),
        MIXED: encoded(PLAIN, film_frames(30)) + encoded(FLAGGED, pictures(FLAGGED)),
        PARTS: encoded(LOSSLESS, [*telecined(film_frames(20)), *pictures(replace(LOSSLESS, num_pictures=20))]),
    }
    for name, data in datas.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in datas}


def run(job: Job, clips: dict[str, Path], **sections: object) -> Job:
    done = job.write([str(path) for path in clips.values()], **SECTIONS, **sections).run()
    assert done.returncode == 0, done.stdout + done.stderr
    return job


@pytest.fixture(scope="module")
def reference(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One chunk per video."""
    return run(Job(tmp_path_factory.mktemp("one-chunk")), clips, chunks={"pairs": 1000})


def test_film_comes_back_bit_for_bit_at_its_own_rate(reference: Job) -> None:
    published = reference.receipts()["telecined"]
    shown = decoded(Path(published.output_uri))
    assert [picture.hash() for picture in shown] == [picture.hash() for picture in film_frames(NUM_FILM)]
    assert published.duration_s == NUM_FILM / FILM
    assert any(note.startswith("telecined film: 35 pictures in 1 run become 28 frames") for note in published.notes)


def test_in_a_mixed_file_only_the_interlaced_part_is_changed(clips: dict[str, Path], reference: Job) -> None:
    published = reference.receipts()["mixed"]
    source, shown = decoded(clips[MIXED]), decoded(Path(published.output_uri))
    assert published.duration_s == Fraction(44, 25)
    assert [picture.hash() for picture in shown[:30]] == [picture.hash() for picture in source[:30]]
    assert "14 interlaced pictures deinterlaced by bwdif" in published.notes


@pytest.mark.parametrize("pairs", [3, 7])
def test_chunks_do_not_change_the_frames(pairs: int, clips: dict[str, Path], reference: Job, tmp_path: Path) -> None:
    job = run(Job(tmp_path), clips, chunks={"pairs": pairs})
    assert len(job.commits()) > len(reference.commits())
    for name, published in job.receipts().items():
        assert published.frames_sha256 == reference.receipts()[name].frames_sha256, name


def test_deinterlace_refuse_takes_film_but_not_fields(clips: dict[str, Path], tmp_path: Path) -> None:
    done = Job(tmp_path).write([str(clips[TELECINED]), str(clips[PARTS])], **SECTIONS, deinterlace="refuse").run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a part of the video is interlaced, got 20 interlaced pictures" in done.stdout
    assert [path.name for path in (tmp_path / "out").glob("*.mkv")] == [TELECINED]


def test_a_setting_surveys_what_probing_takes_for_one_kind(tmp_path: Path) -> None:
    """The interlaced part is between the pictures that probing looks at, and all are flagged progressive."""
    source = tmp_path / "mixed.ts"
    shown = [*film_frames(60), *pictures(replace(FLAGGED, num_pictures=12)), *film_frames(120, first=60)]
    source.write_bytes(encoded(PLAIN, shown))
    job = Job(tmp_path / "job").write([str(source)], **SECTIONS, scan="telecine")
    done = job.run()
    assert done.returncode == 0, done.stdout + done.stderr
    (published,) = job.receipts().values()
    assert "12 interlaced pictures deinterlaced by bwdif" in published.notes


def test_the_plan_is_an_estimate_without_a_survey(clips: dict[str, Path], tmp_path: Path) -> None:
    fields = tmp_path / "fields.mp4"
    fields.write_bytes(encoded(replace(FLAGGED, suffix=".mp4"), pictures(FLAGGED)))
    manifest = Job(tmp_path / "job").write([str(clips[TELECINED]), str(fields)], **SECTIONS).manifest
    estimated, surveyed = cli("plan", str(manifest)).stdout, cli("plan", "--survey", str(manifest)).stdout
    assert "each field becomes a source frame" in estimated
    assert (
        estimated.count("is examined in a survey") == estimated.count("estimated: the frames of film are restored") == 1
    )
    assert "telecined film: 35 pictures in 1 run become 28 frames" in surveyed


def test_repeats_of_telecined_film_are_not_sought_without_a_word(clips: dict[str, Path], tmp_path: Path) -> None:
    repeats = {"interpolate": {"method": "blend", "duplicates": "retime"}}
    film = {"uri": str(clips[TELECINED])}
    planned = cli("plan", str(Job(tmp_path).write([film | repeats], **SECTIONS).manifest))
    assert planned.returncode == 1
    assert "interpolate.duplicates: retime is not supported for telecined or mixed video" in planned.stdout
    assert "Set interpolate.duplicates to keep, or scan to progressive or interlaced." in planned.stdout
    refused = cli("plan", str(Job(tmp_path).write([film], **(SECTIONS | repeats), scan="telecine").manifest))
    assert refused.returncode == 2
    assert "interpolate.duplicates: 'retime' is not supported with scan: telecine; use keep" in refused.stderr
