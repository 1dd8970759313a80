"""Records and objects that another process puts, withdraws or damages at the worst moment."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.errors import StorageBusy, WeightsError
from slomo_batch.interpolators.registry import BUILT_IN
from slomo_batch.plan.stored_plan import MovedTo
from slomo_batch.steps.audio import make_video_audio
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.existing_work import find_existing_work
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stored_records import commit, committed
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, _weights_file, open_context
from tests.clips.catalogue import clip
from tests.scale.products import RESOLVED
from tests.steps.test_changed_source import PIN, requested


class Contested(LocalStore):
    """A store in which another process puts a record first, and withdraws it before it can be read."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(root)
        self.left = times

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.left -= 1
        return super().put_if_absent(key, data) if self.left < 0 else False


def test_a_commit_is_tried_again_when_the_first_one_is_withdrawn_before_it_can_be_read(tmp_path: Path) -> None:
    record = MovedTo(lane="decode")
    assert commit(Contested(tmp_path / "a", 2), "key.json", record) == record
    with pytest.raises(StorageBusy):
        commit(Contested(tmp_path / "b", 100), "key.json", record)


def test_a_record_that_is_deleted_while_it_is_put_is_put_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, deletions = MovedTo(lane="decode"), [tmp_path / "key.json"]

    def flush_folder(folder: Path) -> None:  # after the record has its name, before it is read
        if deletions:
            deletions.pop().unlink()

    monkeypatch.setattr("slomo_batch.storage.final_names._flush_folder", flush_folder)
    assert commit(LocalStore(tmp_path), "key.json", record) == record
    assert committed(LocalStore(tmp_path), "key.json", MovedTo) == record


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))


def test_a_commit_of_the_audio_that_is_damaged_during_the_run_is_made_again(
    context: StepContext, tmp_path: Path
) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    stored = open_video(requested(source, context), PIN, context, remake=False).stored
    list(split_video(stored, "copy", set(), context, audio=True))
    context.work.put(context.layout.audio_commit(stored.plan.video_id), b"damaged")
    done = make_video_audio(stored, context)
    assert VideoRecords(stored.plan.video_id, context).audio_done() == done


def test_audio_that_another_driver_commits_during_a_survey_is_not_withdrawn(
    context: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    stored = open_video(requested(source, context), PIN, context, remake=False).stored
    list(split_video(stored, "copy", set(), context, audio=True))
    moved = VideoRecords.moved

    def meanwhile(records: VideoRecords) -> MovedTo | None:  # read right after the listing
        make_video_audio(stored, context)
        return moved(records)

    monkeypatch.setattr(VideoRecords, "moved", meanwhile)
    find_existing_work(stored, context, dry_run=False, has_index=True)
    assert VideoRecords(stored.plan.video_id, context).audio_done() is not None


def test_a_damaged_local_copy_of_weights_does_not_cost_the_stored_one(tmp_path: Path) -> None:
    store, layout, scratch = LocalStore(tmp_path / "work"), Layout("job"), tmp_path / "scratch"
    sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of b"foo"
    resolved = replace(RESOLVED, weights_name="/mine.safetensors", weights_sha256=sha256)
    scratch.mkdir()
    store.put(layout.weights(sha256), b"foo")
    (scratch / f"{sha256}.safetensors").write_bytes(b"damaged")
    assert _weights_file(BUILT_IN["superslomo"], resolved, store, layout, scratch).read_bytes() == b"foo"
    store.put(layout.weights(sha256), b"damaged")
    (scratch / f"{sha256}.safetensors").unlink()
    with pytest.raises(WeightsError):
        _weights_file(BUILT_IN["superslomo"], resolved, store, layout, scratch)
    assert not list(store.list(layout.root)), "it is fetched again from where it came from"
