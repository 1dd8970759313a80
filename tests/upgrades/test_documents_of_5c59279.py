"""Every kind of document that commit 5c59279 left in a work place is read, and one of a later version is refused."""

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.errors import StoreUnusable
from slomo_batch.interpolators.registry import method_names
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.plan.ids import receipt_id, video_id
from slomo_batch.plan.job_pin import Basis, JobPin, MethodPin, WeightsPin
from slomo_batch.plan.stored_plan import MovedTo, SegmentChoice, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.driver_claim import DriverClaim
from slomo_batch.records.results import OutputOwnership, Published, VideoFailed
from slomo_batch.report.events import JobStatus
from slomo_batch.report.ledger import read_ledger
from slomo_batch.serialization import to_json
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_index import read_index
from slomo_batch.steps.stored_records import commit, committed, put_record, read_record
from slomo_batch.storage.store import Upload
from slomo_batch.storage.work_layout import Layout, name_in_job
from slomo_batch.stored_documents import SCHEMAS, VERSION, Schema, to_stored
from tests.memory_store import MemoryStore
from tests.upgrades import places

RECORDS = {
    r"job\.json": Basis,
    r"weights/\w+\.json": WeightsPin,
    r"epochs/\d+\.json": DriverClaim,
    r"heartbeats/\d+\.json": DriverClaim,
    r"progress/\d+\.json": JobStatus,
    r"receipts/\w+\.json": Published,
    r"failures/\d+-\w+\.json": VideoFailed,
    r"owned/\w+\.json": OutputOwnership,
    r"videos/\w+/pin\.json": StoredPlan,
    r"videos/\w+/choice\.json": SegmentChoice,
    r"videos/\w+/sound-commit\.json": AudioDone,
    r"videos/\w+/commits/\w+\.json": ChunkDone,
}
OTHERS = (r"videos/\w+/publishing\.json", r".*\.parquet", r".*\.npz", r".*\.pkts", r".*\.nut")
"""Read by other functions; of publishing.json only its being there counts."""
NOT_IN_THE_ARCHIVE = {
    MovedTo: b'{"lane":"decode"}',
    Upload: b'{"uri":"s3://out/a.mp4","token":"2~abc"}',
}
"""As the same commit writes them, of which the runs that made the archive had no need."""


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    store = MemoryStore()
    for key, data in places.objects().items():
        store.put(key.removeprefix("work/"), data)
    return store


def _kind(key: str) -> type[Any] | None:
    name = key.split("/", 2)[2]
    return next((kind for pattern, kind in RECORDS.items() if re.fullmatch(pattern, name)), None)


def _keys(store: MemoryStore) -> list[str]:
    return [found.key for found in store.list("jobs/")]


def test_every_record_is_read(store: MemoryStore) -> None:
    read: set[str] = set()
    for key in _keys(store):
        if (kind := _kind(key)) is not None:
            record = read_record(store, key, kind)
            assert _says(json.loads(to_stored(record, key)), json.loads(store.get(key))), key
            read.add(kind.__name__)
        else:
            assert any(re.fullmatch(pattern, key.split("/", 2)[2]) for pattern in OTHERS), f"{key} is of no known kind"
    assert read == {kind.__name__ for kind in RECORDS.values()}


def _says(record: Any, document: Any) -> bool:
    """Whether everything that a document says is in the record that was read, as it was said."""
    if isinstance(document, dict):
        return all(key in record and _says(record[key], value) for key, value in document.items())
    if isinstance(document, list):
        return len(record) == len(document) and all(map(_says, record, document))
    return bool(record == document)


@pytest.mark.parametrize("kind", NOT_IN_THE_ARCHIVE)
def test_records_that_the_archive_lacks_are_read(kind: type[Any]) -> None:
    store = MemoryStore()
    store.put("jobs/job/record.json", NOT_IN_THE_ARCHIVE[kind])
    record = read_record(store, "jobs/job/record.json", kind)
    assert _says(json.loads(to_json(record)), json.loads(NOT_IN_THE_ARCHIVE[kind]))


def test_a_stored_plan_gives_the_ids_that_it_is_stored_under(store: MemoryStore) -> None:
    plans = [read_record(store, key, StoredPlan).plan for key in _keys(store) if _kind(key) is StoredPlan]
    receipts = {key.rpartition("/")[2] for key in _keys(store) if "/receipts/" in key}
    [compact] = [read_record(store, key, WeightsPin) for key in _keys(store) if _kind(key) is WeightsPin]
    methods = {name: MethodPin() for name in method_names()} | {"superslomo": MethodPin(weights={"compact": compact})}
    pin = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods=methods)
    for plan in plans:
        assert video_id(plan.request, pin) == plan.video_id
    named = {f"{receipt_id(plan.request, plan.resolved.weights_name)}.json" for plan in plans}
    assert named > receipts
    assert len(receipts) == 2


def test_the_index_of_a_video_is_read(store: MemoryStore) -> None:
    for key in _keys(store):
        if _kind(key) is StoredPlan:
            stored = read_record(store, key, StoredPlan)
            context = StepContext(
                work=store,
                layout=Layout(key.split("/")[1]),
                locate=_unused,
                interpolator=_unused,
                machine=_unused,
                scratch=Path("unused"),
            )
            index, timeline, _ = read_index(stored, context)
            assert len(index.frame_pts) == timeline.num_frames == stored.plan.facts.num_frames


def _unused(_: Any) -> Any:
    raise AssertionError("nothing else is read")


def test_packets_and_the_ledger_are_read(store: MemoryStore) -> None:
    archives = [key for key in _keys(store) if key.endswith(".pkts")]
    for key in archives:
        assert list(ArchiveReader(io.BytesIO(store.get(key))))
    assert {key.split("/")[4] for key in archives} == {"chunks", "sound", "sound-source.pkts"}
    for job in ("finished", "half-done", "failed"):
        rows = read_ledger([store.get(key) for key in _keys(store) if key.startswith(f"jobs/{job}/ledger/")])
        assert rows.num_rows


# ---- versions --------------------------------------------------------------------------------------------------------

KEY = "jobs/job/lane.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedLater(MovedTo):
    """What a later version writes."""

    why: str = ""


def test_a_record_says_its_version_first() -> None:
    store = MemoryStore()
    put_record(store, KEY, MovedTo(lane="decode"))
    assert store.get(KEY).startswith(b'{"version":1,"lane":"decode",')
    assert read_record(store, KEY, MovedTo) == MovedTo(lane="decode")


def test_a_field_that_was_added_later_has_its_default_and_one_that_is_not_known_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    monkeypatch.setitem(SCHEMAS, MovedLater, Schema(MovedLater, "lane why"))
    put_record(store, KEY, MovedTo(lane="decode"))
    assert read_record(store, KEY, MovedLater) == MovedLater(lane="decode", why="")
    put_record(store, KEY, MovedLater(lane="decode", why="damage"))
    assert read_record(store, KEY, MovedTo) == MovedTo(lane="decode")


def test_a_record_of_a_newer_version_is_refused_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    with monkeypatch.context() as later:
        later.setattr("slomo_batch.stored_documents.VERSION", VERSION + 1)
        newer = to_stored(MovedTo(lane="decode"), name_in_job(KEY))
    store.put(KEY, newer)
    complaint = r"newer version of slomo_batch wrote this record.*Use the newest"
    with pytest.raises(StoreUnusable, match=complaint):
        read_record(store, KEY, MovedTo)
    with pytest.raises(StoreUnusable, match=complaint):
        committed(store, KEY, MovedTo)
    with pytest.raises(StoreUnusable, match=complaint):
        commit(store, KEY, MovedTo(lane="copy"))
    assert store.get(KEY) == newer
