"""Interlaced video as a whole job: the same frames for any chunks and in both lanes, and the fields' own lines kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.clips.field_packets import paff
from tests.clips.film import joined
from tests.clips.interlaced import FILMS, Fields, filmed, pictures
from tests.end_to_end.running import Job, cli, decoded, frame_hashes
from tests.media.test_picture_properties import FIELDS, PLAIN

KINDS = ("h264 tff mp4", "mpeg2 bff ts", "prores mov")
PAFF, RAW_PAFF = "paff", "raw-paff"
SLOWDOWN = 2
SECTIONS = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": SLOWDOWN}, "interpolate": {"method": "blend"}}
NUM_PICTURES = 14


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, found = tmp_path_factory.mktemp("interlaced"), {}
    for kind in KINDS:
        found[kind] = folder / f"{kind.replace(' ', '-')}{FILMS[kind].suffix}"
        found[kind].write_bytes(filmed(replace(FILMS[kind], num_pictures=NUM_PICTURES)))
    found[PAFF] = folder / "paff.ts"
    found[PAFF].write_bytes(paff(pictures(Fields(num_pictures=NUM_PICTURES)), ".ts"))
    found[RAW_PAFF] = folder / f"{RAW_PAFF}.h264"
    found[RAW_PAFF].write_bytes(paff(pictures(Fields(num_pictures=NUM_PICTURES)), ".h264"))
    return found


def run(job: Job, clips: dict[str, Path], *more: str, **sections: object) -> Job:
    done = job.write([str(path) for path in clips.values()], **SECTIONS, **sections).run(*more)
    assert done.returncode == 0, done.stdout + done.stderr
    return job


@pytest.fixture(scope="module")
def reference(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One chunk per video."""
    return run(Job(tmp_path_factory.mktemp("one-chunk")), clips, chunks={"pairs": 1000})


def test_each_field_is_a_source_frame_with_its_own_lines_untouched(clips: dict[str, Path], reference: Job) -> None:
    for path in clips.values():
        published = reference.receipts()[path.stem]
        shown, frames = decoded(path), decoded(Path(published.output_uri))
        assert len(frames) == published.num_frames == 2 * SLOWDOWN * len(shown)
        is_bff = "bff" in path.stem
        for number, picture in enumerate(shown):
            for late in (0, 1):
                own = slice(is_bff ^ late, None, 2)
                frame = frames[SLOWDOWN * (2 * number + late)]
                for plane, source in zip(frame.planes, picture.planes, strict=True):
                    assert np.array_equal(plane[own], source[own]), (path.name, number, late)


@pytest.mark.parametrize("pairs", [1, 5])
def test_many_chunks_make_the_same_frames(pairs: int, clips: dict[str, Path], reference: Job, tmp_path: Path) -> None:
    job = run(Job(tmp_path), clips, chunks={"pairs": pairs})
    assert len(job.commits()) > len(reference.commits())
    for name, published in job.receipts().items():
        assert published.frames_sha256 == reference.receipts()[name].frames_sha256, name
        expected = Path(reference.receipts()[name].output_uri)
        assert frame_hashes(Path(published.output_uri)) == frame_hashes(expected), name


def test_the_decode_lane_makes_the_same_frames(reference: Job) -> None:
    """A raw stream has no timestamps, so it is decoded once and stored losslessly."""
    receipts = reference.receipts()
    assert receipts[RAW_PAFF].frames_sha256 == receipts[PAFF].frames_sha256


def test_the_plan_shows_the_doubled_count_and_the_reason(clips: dict[str, Path], tmp_path: Path) -> None:
    job = Job(tmp_path).write([str(clips["h264 tff mp4"])], **SECTIONS)
    planned = cli("plan", str(job.manifest), "--json")
    assert planned.returncode == 0, planned.stderr
    assert f'"source_frames": {2 * NUM_PICTURES}' in planned.stdout
    assert "interlaced (top field first); it is deinterlaced by bwdif, each field becomes" in planned.stdout


def test_other_choices_for_an_interlaced_video(clips: dict[str, Path], tmp_path: Path) -> None:
    for value, num_frames in (("frame", NUM_PICTURES), ("refuse", 0)):
        sections = {**SECTIONS, "retime": {"slowdown": 1}}
        job = Job(tmp_path / value).write([str(clips["h264 tff mp4"])], **sections, deinterlace=value)
        done = job.run()
        assert [published.num_frames for published in job.receipts().values()] == ([num_frames] if num_frames else [])
        assert done.returncode == (0 if num_frames else 1), done.stdout + done.stderr
    assert "the video is interlaced" in done.stdout


def test_a_change_of_scan_far_from_the_samples_is_seen_at_its_header(tmp_path: Path) -> None:
    """The part that is flagged interlaced is between the pictures that probing looks at. Its pictures are whole."""
    source = tmp_path / "mixed.ts"
    parts = (PLAIN, 60), (FIELDS, 12), (PLAIN, 120)
    source.write_bytes(joined(*(replace(film, num_frames=num) for film, num in parts)))
    done = Job(tmp_path / "job").write([str(source)], **SECTIONS).run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "each picture is examined in a survey: the scan type changes midway" in done.stdout
    assert "all pictures are progressive" in done.stdout
