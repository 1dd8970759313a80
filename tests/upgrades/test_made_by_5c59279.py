"""What later versions promise for the work places of commit 5c59279: skip, resume, wait, or start over and say so."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.cli.main import main
from slomo_batch.manifest.composition import compose
from slomo_batch.manifest.sections import JobSettings, VideoSections
from slomo_batch.settings import Retime, Settings
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.s3_server import S3Server
from tests.upgrades import places

PLACES = {"s3": places.ON_S3, "disk": places.ON_DISK}
DECISIVE = ("/videos/", "/receipts/", "/failures/", "/owned/", "out/")
"""Parts of the keys of everything but what a run reports."""
RESTARTED = "begun by an earlier version"


@dataclass
class Place:
    """A place as 5c59279 left it, and runs of today's version over it."""

    root: str
    store: ObjectStore
    folder: Path
    capsys: pytest.CaptureFixture[str]
    sets: tuple[str, ...]

    def run(self, job: str, *options: str, code: int = 0) -> list[dict[str, Any]]:
        """Run one job; the events."""
        return self._asked("run", job, "--json", *options, code=code)

    def plan(self, job: str) -> list[dict[str, Any]]:
        """What a run would do with each video."""
        return [row for row in self._asked("plan", job, "--json", code=job == "failed") if row["event"] == "video"]

    def status(self, job: str) -> str:
        """Where a job stands."""
        [shown, *_] = self._asked("status", job, "--json", code=job == "failed")
        return str(shown["state"])

    def gc(self, job: str) -> None:
        """Delete what a job no longer needs."""
        self._asked("gc", job, "--delete", "--json", code=0)

    def _asked(self, command: str, job: str, *options: str, code: int) -> list[dict[str, Any]]:
        path = self.folder / f"{job}.yaml"
        path.write_text(places.manifest(self.root, job))
        self.capsys.readouterr()
        got = main([command, str(path), *self.sets, *options])
        said = self.capsys.readouterr()
        assert got == code, said.out + said.err
        return [json.loads(line) for line in said.out.splitlines()]

    def contents(self, *parts: str) -> dict[str, bytes]:
        """Objects whose key holds one of the parts."""
        keys = [found.key for found in self.store.list("") if any(part in found.key for part in parts)]
        return {key: self.store.get(key) for key in keys}

    def video_ids(self, job: str) -> set[str]:
        """Videos that the job has something of."""
        prefix = f"work/jobs/{job}/videos/"
        return {found.key.removeprefix(prefix).partition("/")[0] for found in self.store.list(prefix)}

    def receipt(self, job: str) -> dict[str, Any]:
        """The one receipt of a job."""
        [data] = self.contents(f"jobs/{job}/receipts/").values()
        receipt: dict[str, Any] = json.loads(data)
        return receipt


@contextmanager
def _bucket_restored(s3: S3Server) -> Iterator[ObjectStore]:
    s3.make_bucket(places.BUCKET)
    store = open_store(StoreSpec(uri=Uri(places.ON_S3), options=s3.options()))
    wanted = places.objects()
    intact = {found.key for found in store.list("") if found.fingerprint == _etag(wanted.get(found.key, b""))}
    store.delete([found.key for found in store.list("") if found.key not in intact])
    for key in wanted.keys() - intact:
        store.put(key, wanted[key])
    yield store


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture(params=PLACES)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], s3: S3Server
) -> Iterator[Place]:
    root = PLACES[request.param]
    if root == places.ON_S3:
        sets = ("--set", f"storage.endpoint_url={s3.endpoint}", "--set", "storage.addressing_style=path")
        with _bucket_restored(s3) as store:
            yield Place(root, store, tmp_path, capsys, sets)
    else:
        with places.folder_at_its_path():
            yield Place(root, open_store(StoreSpec(uri=Uri(root), options=S3Options())), tmp_path, capsys, ())


@pytest.fixture(params=["same pixels", "other pixels"])
def pixels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether today's version makes other pixels than 5c59279."""
    if request.param == "other pixels":
        monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 2)
    else:
        monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 1)
    return str(request.param)


def _of(kind: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def _restarts(events: list[dict[str, Any]]) -> list[str]:
    return [event["uri"] for event in _of("note", events) if RESTARTED in event["text"]]


@pytest.mark.usefixtures("pixels")
def test_what_is_published_is_skipped_with_no_chunk_made(place: Place) -> None:
    before = place.contents(*DECISIVE)
    events = place.run("finished")
    [ended] = _of("job_ended", events)
    assert (ended["videos_skipped"], ended["videos_published"], ended["num_frames"]) == (2, 0, 0)
    assert not _of("video_opened", events)
    assert place.contents(*DECISIVE) == before


def test_a_setting_that_is_added_leaves_what_is_published(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ramped = make_dataclass("Retime", [("ramp", str, field(default=""))], bases=(Retime,), frozen=True, kw_only=True)

    def with_ramp(layers: Iterable[VideoSections], job: JobSettings) -> Settings:
        settings = compose(layers, job)
        retime: Retime = ramped(slowdown=settings.retime.slowdown, fps=settings.retime.fps)
        return replace(settings, retime=retime)

    monkeypatch.setattr("slomo_batch.manifest.schema.compose", with_ramp)
    [ended] = _of("job_ended", place.run("finished"))
    assert (ended["videos_skipped"], ended["videos_published"], ended["videos_failed"]) == (2, 0, 0)


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_what_is_published_is_made_again_only_on_request(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 2)
    old, receipts = place.video_ids("finished"), place.contents("finished/receipts/").keys()
    [ended] = _of("job_ended", place.run("finished", "--force"))
    assert (ended["videos_published"], ended["videos_failed"]) == (2, 0)
    after = place.contents("finished/receipts/")
    assert after.keys() == receipts
    made = [json.loads(data) for data in after.values()]
    assert not {one["video_id"] for one in made} & old
    assert {one["weights_name"] for one in made} == {"", "compact-3"}, "what the job began with"


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_the_output_of_a_source_that_changed_is_replaced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 2)
    place.store.put("archive/moving.mp4", place.store.get("archive/network.mp4"))
    assert {Path(row["uri"]).stem: row["state"] for row in place.plan("finished")} == {
        "moving": "changed",
        "network": "skip",
    }
    [ended] = _of("job_ended", place.run("finished"))
    assert (ended["videos_published"], ended["videos_skipped"], ended["videos_failed"]) == (1, 1, 0)


def test_what_is_half_done_is_resumed_with_the_same_pixels(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 1)
    [video_id] = place.video_ids("half-done")
    committed = place.contents(f"{video_id}/commits/", f"{video_id}/pin.json", f"{video_id}/sound-commit.json")
    assert [row["state"] for row in place.plan("half-done")] == ["resume"]
    events = place.run("half-done")
    assert len(_of("chunk_finished", events)) == places.NUM_CHUNKS - places.NUM_COMMITTED
    assert not _restarts(events)
    after = place.contents(f"{video_id}/")
    assert {key: after[key] for key in committed} == committed
    assert place.video_ids("half-done") == {video_id}
    receipt = place.receipt("half-done")
    assert (receipt["video_id"], receipt["num_frames"]) == (video_id, 24)
    assert {machine["host"] for machine in receipt["machines"]} > {"maker"}


def test_what_is_half_done_starts_over_with_other_pixels(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 2)
    [old] = place.video_ids("half-done")
    before = place.contents(f"{old}/")
    [row] = place.plan("half-done")
    assert (row["state"], sum(RESTARTED in note for note in row["notes"])) == ("make", 1)
    events = place.run("half-done")
    assert len(_of("chunk_finished", events)) == places.NUM_CHUNKS
    assert _restarts(events) == [f"{place.root}/archive/moving.mp4"]
    assert place.contents(f"{old}/") == before, "the other version's work is left as it is"
    [new] = place.video_ids("half-done") - {old}
    receipt = place.receipt("half-done")
    assert (receipt["video_id"], receipt["num_frames"]) == (new, 24)
    assert "maker" not in {machine["host"] for machine in receipt["machines"]}
    [choice] = place.contents(f"{new}/choice.json").values()
    assert old.encode() not in choice


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_what_an_earlier_version_began_is_swept_once_the_video_is_published(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    [old] = place.video_ids("half-done")
    before = place.contents("half-done/videos/")
    place.gc("half-done")
    assert place.contents("half-done/videos/") == before
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 2)
    place.run("half-done")
    assert old in place.video_ids("half-done")
    place.gc("half-done")
    assert not place.video_ids("half-done")
    assert place.contents("half-done/receipts/", "out/half-done/")


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_what_starts_over_says_so_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 3)
    place.run("half-done")
    place.store.delete(list(place.contents("out/half-done/", "half-done/receipts/")))
    assert not _restarts(place.run("half-done"))


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_an_output_without_its_receipt_is_finished(place: Place, pixels: str) -> None:
    """The run was killed when the output was uploaded and nothing said so yet."""
    [old] = place.video_ids("uploaded")
    events = place.run("uploaded", "--take-over")
    assert not _of("video_given_up", events)
    made = 0 if pixels == "same pixels" else places.NUM_CHUNKS
    assert len(_of("chunk_finished", events)) == made
    assert len(_restarts(events)) == (made > 0)
    assert (place.receipt("uploaded")["video_id"] == old) == (made == 0)


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_an_output_without_its_receipt_is_replaced_although_its_plan_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slomo_batch.steps.job_pin.PIXEL_REVISION", 2)
    place.store.delete(list(place.contents("uploaded/videos/").keys() - place.contents("/publishing.json").keys()))
    events = place.run("uploaded", "--take-over")
    assert not _of("video_given_up", events)
    assert place.receipt("uploaded")["num_frames"] == 24


@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_status_timeline_and_report_of_older_jobs_are_read(place: Place, tmp_path: Path) -> None:
    states = {job: place.status(job) for job in places.JOBS}
    assert states == {"finished": "finished", "half-done": "interrupted", "uploaded": "running", "failed": "finished"}
    path = tmp_path / "timeline.yaml"
    path.write_text(places.manifest(place.root, "half-done"))
    assert main(["timeline", str(path), "--out", str(tmp_path / "trace.json")]) == 0
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert sum(event.get("cat") == "chunk" or "chunk" in event["name"] for event in trace["traceEvents"]) >= 2
    for job in ("finished", "half-done", "failed"):
        assert main(["report", job, "--work", f"{place.root}/work", "--out", str(tmp_path / f"{job}.html")]) == 0
    assert "failed video" in (tmp_path / "failed.html").read_text()


@pytest.mark.usefixtures("pixels")
@pytest.mark.parametrize("place", ["disk"], indirect=True)
def test_failures_wait(place: Place) -> None:
    before = place.contents("failed/failures/")
    assert [row["state"] for row in place.plan("failed")] == ["wait"]
    events = place.run("failed", code=1)
    [failed] = _of("video_given_up", events)
    assert failed["error"] == "SourceUnreadable"
    assert not _of("video_opened", events)
    assert place.contents("failed/failures/") == before
    assert place.run("failed", "--retry-failed", code=1)
    assert not before.keys() & place.contents("failed/failures/").keys(), "it was tried again, and recorded again"
