"""Each kind of video gives the same frames inline, on a Ray and on S3: fields, film, repeats, alpha, doubt, tiles."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.records.results import Published
from slomo_batch.serialization import from_json
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.clips.film import Film, made
from tests.clips.hard_telecine import film_frames, telecined
from tests.clips.interlaced import Fields, encoded, pictures
from tests.clips.matte import Matte, matte
from tests.end_to_end.alpha_matrix import alpha_of
from tests.end_to_end.running import Job, excerpt, interlaced
from tests.s3_server import S3Server

Entries = dict[str, Mapping[str, Any]]
SECTIONS: Mapping[str, Any] = {
    "encode": {"codec": "ffv1"},
    "retime": {"slowdown": 2},
    "interpolate": {"method": "blend"},
}
TWICE: Mapping[str, Any] = {"interpolate": {"method": "blend", "duplicates": "retime"}}
LOSSLESS = Fields(suffix=".mkv", codec="ffv1", rate=Fraction(30000, 1001), header=2)
NUM_NEW = 8
ON_TWOS = Film(suffix=".mkv", codec="ffv1", num_frames=2 * NUM_NEW, shown=[n // 2 for n in range(2 * NUM_NEW)])
MATTE = Matte(num_frames=2 * NUM_NEW, times=2)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """A tiny video of each kind, by its stem: its URI and its settings."""
    folder = tmp_path_factory.mktemp("kinds")
    real = excerpt("bikes", folder / "doubtful.mp4", num_frames=16, width=128, height=64)
    interlaced(real, folder / "fields.mp4")
    mixed = [*telecined(film_frames(20)), *pictures(replace(LOSSLESS, num_pictures=20))]
    (folder / "film.mkv").write_bytes(encoded(LOSSLESS, mixed))
    (folder / "repeats.mkv").write_bytes(made(ON_TWOS))
    (folder / "matte.mov").write_bytes(matte(MATTE))
    return {
        "doubtful": {"uri": str(real), "interpolate": {"method": "flow", "doubt": "blend"}},
        "fields": {"uri": str(folder / "fields.mp4")},
        "film": {"uri": str(folder / "film.mkv")},
        "repeats": {"uri": str(folder / "repeats.mkv"), **TWICE},
        "matte": {"uri": str(folder / "matte.mov"), **TWICE},
    }


def run(job: Job, entries: Entries, env: Mapping[str, str] | None = None, **sections: Any) -> Job:
    done = job.write(list(entries.values()), **SECTIONS, **sections).run(env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return job


@pytest.fixture(scope="module")
def reference(kinds: Entries, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One chunk per video, in one process, on disk."""
    return run(Job(tmp_path_factory.mktemp("inline")), kinds, chunks={"pairs": 1000})


def assert_same(found: Mapping[str, Published], reference: Job) -> None:
    expected = reference.receipts()
    assert found.keys() == expected.keys()
    for name, published in found.items():
        assert published.frames_sha256 == expected[name].frames_sha256, name
        assert published.counts == expected[name].counts, name


def test_the_kinds_are_what_they_should_be(reference: Job) -> None:
    notes = {name: " / ".join(published.notes) for name, published in reference.receipts().items()}
    assert "blended where the method doubts its frames" in notes["doubtful"]
    assert "each field becomes a source frame" in notes["fields"]
    assert "20 interlaced pictures deinterlaced by bwdif" in notes["film"]
    assert "telecined film: 25 pictures in 1 run become 20 frames" in notes["film"]
    for name in ("repeats", "matte"):
        assert f"{NUM_NEW} of {2 * NUM_NEW} source frames repeat the one before" in notes[name]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg: apt install ffmpeg")
def test_alpha_of_frames_that_are_not_repeated_is_untouched(kinds: Entries, reference: Job) -> None:
    source, found = alpha_of(Path(kinds["matte"]["uri"])), alpha_of(reference.outputs / "matte.mkv")
    assert len(found) == 2 * len(source)
    assert (found[::4] == source[::2]).all()
    assert (found[2::4][:-1] != found[:-4:4]).any(axis=(1, 2)).all(), "half-way, alpha moves on"


def test_s3_and_small_chunks_make_the_same_frames(kinds: Entries, reference: Job, s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    entries: Entries = {}
    for name, entry in kinds.items():
        path = Path(entry["uri"])
        store.put_file(f"in/{path.name}", path)
        entries[name] = {**entry, "uri": f"s3://{bucket}/in/{path.name}"}
    output, work = {"uri": f"s3://{bucket}/out/{{stem}}.mkv"}, f"s3://{bucket}/work"
    job = run(Job(tmp_path), entries, s3.env(), chunks={"pairs": 5}, output=output, work=work)
    receipts = [store.get(found.key) for found in store.list(f"work/{Layout(job.name).receipts}")]
    found = (from_json(Published, receipt) for receipt in receipts)
    assert_same({Path(published.source.uri).stem: published for published in found}, reference)


@pytest.mark.ray
@pytest.mark.slow
def test_ray_makes_the_same_frames(kinds: Entries, reference: Job, tmp_path: Path) -> None:
    cluster = {"address": "local", "workers": {"min": 2, "max": 2}, "cpus_per_worker": 1}
    job = run(Job(tmp_path), kinds, chunks={"pairs": 4}, cluster=cluster)
    assert len(job.commits()) > len(reference.commits())
    assert_same(job.receipts(), reference)


@pytest.mark.ray
@pytest.mark.slow
def test_frames_in_tiles_are_judged_the_same_in_any_chunk(tmp_path: Path) -> None:
    """Each frame has more pixels than a tile."""
    clip = excerpt("bikes", tmp_path / "large.mp4", num_frames=5, width=1280, height=896)
    interpolate = {"method": "superslomo", "tiles": "always", "doubt": "blend"}
    entries: Entries = {"large": {"uri": str(clip), "interpolate": interpolate}}
    whole = run(Job(tmp_path / "inline"), entries, chunks={"pairs": 1000})
    cluster = {"address": "local", "workers": {"min": 1, "max": 1}, "cpus_per_worker": 2}
    cut = run(Job(tmp_path / "ray"), entries, chunks={"pairs": 2}, cluster=cluster)
    assert "frames are made in tiles" in " / ".join(whole.receipts()["large"].notes)
    assert_same(cut.receipts(), whole)
    assert _doubts(cut) == _doubts(whole)


def _doubts(job: Job) -> str:
    """Of the pairs that were judged; the last frame has none."""
    commits = sorted(job.commits(), key=lambda chunk: chunk.index)
    return "".join(chunk.doubts for chunk in commits).rstrip("-")
