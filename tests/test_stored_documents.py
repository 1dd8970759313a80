"""Stored documents: their exact bytes, and that altered or misplaced ones are found."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from slomo_batch.errors import StoreUnusable, WorkDamaged
from slomo_batch.media.probe import probe
from slomo_batch.plan.job_pin import Basis
from slomo_batch.plan.stored_plan import MovedTo, StoredPlan
from slomo_batch.records.source_facts import AudioTrack, VideoFacts
from slomo_batch.serialization import parse_json, to_json
from slomo_batch.steps.stored_records import committed
from slomo_batch.storage.work_layout import Layout, name_in_job
from slomo_batch.stored_documents import DOCUMENTS, SCHEMAS, VERSION, Schema, from_stored, to_stored
from tests.clips.catalogue import clip
from tests.media.sources import reader_of
from tests.memory_store import MemoryStore
from tests.stored_examples import EXAMPLES


def all_schemas() -> Collection[Schema]:
    """The schemas of the documents, and of the objects within them."""
    found, left = [], list(DOCUMENTS.values())
    while left:
        found.append(left.pop())
        left += found[-1].parts.values()
    return {schema.record: schema for schema in found}.values()


BASIS = Basis(precision="fp32", threads=12, nvenc_works=False)
NAME = "job.json"


def test_a_stored_document_is_read_again_and_so_is_one_of_the_first_version() -> None:
    assert from_stored(Basis, to_stored(BASIS, NAME), NAME) == BASIS
    assert from_stored(Basis, to_json(BASIS), NAME) == BASIS
    assert from_stored(Basis, b" " + to_json(BASIS) + b"\n", NAME) == BASIS


def test_no_bit_can_be_changed_and_the_document_be_read_as_another() -> None:
    data = to_stored(BASIS, NAME)
    for place in range(8 * len(data)):
        altered = bytearray(data)
        altered[place // 8] ^= 1 << place % 8
        try:
            assert from_stored(Basis, bytes(altered), NAME) == BASIS
        except ValueError:
            continue


@pytest.mark.parametrize("length", [0, 1, 20, 60, 90])
def test_a_document_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_stored(Basis, to_stored(BASIS, NAME)[:length], NAME)


@pytest.mark.parametrize(("data", "says"), [(b"", "Invalid JSON"), (b"{}", "precision: is missing")])
def test_a_document_that_cannot_be_read_is_explained_in_a_few_words(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        from_stored(Basis, data, NAME)
    assert "pydantic" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_document_under_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="belongs under another key"):
        from_stored(Basis, to_stored(BASIS, NAME), "jobs.json")


def test_a_damaged_version_is_damage_and_not_a_newer_version(monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = MemoryStore(), Layout("job").job
    written = to_stored(BASIS, NAME)
    store.put(key, written.replace(b'"version":%d' % VERSION, b'"version":%d' % (VERSION + 1)))
    with pytest.raises(WorkDamaged, match="checksum"):
        committed(store, key, Basis)
    with monkeypatch.context() as newer:
        newer.setattr("slomo_batch.stored_documents.VERSION", VERSION + 1)
        store.put(key, to_stored(BASIS, NAME))
    with pytest.raises(StoreUnusable, match="newer version"):
        committed(store, key, Basis)


# ---- what is stored --------------------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parent / "golden" / "documents-1.txt"
"""A document of each kind as version 1 is written: its key, a space, and its bytes. It never changes."""


def golden_documents() -> dict[str, bytes]:
    lines = GOLDEN.read_bytes().splitlines()
    return {key.decode(): data for key, data in (line.split(b" ", 1) for line in lines)}


@pytest.mark.parametrize("key", EXAMPLES)
def test_the_bytes_of_a_document_are_the_golden_ones_and_are_read_again(key: str) -> None:
    data = golden_documents()[key]
    assert to_stored(EXAMPLES[key], key) == data
    assert from_stored(type(EXAMPLES[key]), data, key) == EXAMPLES[key]


def test_there_is_an_example_of_every_kind_of_document() -> None:
    kinds = [next(kind for kind in DOCUMENTS if fnmatchcase(key, kind)) for key in EXAMPLES]
    assert sorted(kinds) == sorted(DOCUMENTS)
    assert golden_documents().keys() == EXAMPLES.keys()
    assert all(DOCUMENTS[kind].record is type(record) for kind, record in zip(kinds, EXAMPLES.values(), strict=True))


def test_every_json_file_of_a_work_place_has_a_schema_or_is_empty() -> None:
    layout = Layout("job")
    keys = [layout.job, layout.weights_pin("a"), layout.progress(1), layout.epoch(1), layout.heartbeat(1)]
    keys += [layout.receipt("a"), layout.failure(1, "a"), layout.owned("a"), layout.upload("a"), layout.pin("a")]
    keys += [layout.lane("a"), layout.choice("a"), layout.audio_commit("a"), layout.commit("a", "b")]
    found = {kind for key in keys for kind in DOCUMENTS if fnmatchcase(name_in_job(key), kind)}
    assert found == set(DOCUMENTS)


@pytest.mark.parametrize("schema", all_schemas(), ids=lambda schema: schema.record.__name__)
def test_a_schema_names_every_field_of_its_record(schema: Schema) -> None:
    names = schema.all_names
    attributes = [schema.attribute(name).partition(".")[0] for name in names]
    assert sorted(attributes) == sorted(field.name for field in fields(schema.record))
    assert set(schema.parts) | set(schema.attributes) <= set(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """MovedTo under another name, and its field too."""

    where_to: str


def test_what_a_record_and_its_fields_are_called_changes_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMAS, Renamed, Schema(Renamed, "lane", attributes={"lane": "where_to"}))
    data = to_stored(MovedTo(lane="decode"), "lane.json")
    assert to_stored(Renamed(where_to="decode"), "lane.json") == data
    assert from_stored(Renamed, data, "lane.json") == Renamed(where_to="decode")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterLane:
    """MovedTo with a field that a later version added."""

    lane: str
    reason: str = ""


def test_a_later_field_is_stored_only_if_it_is_not_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMAS, LaterLane, Schema(LaterLane, "lane", later="reason"))
    without = to_stored(MovedTo(lane="decode"), "lane.json")
    assert to_stored(LaterLane(lane="decode"), "lane.json") == without
    assert from_stored(LaterLane, without, "lane.json") == LaterLane(lane="decode")
    moved = LaterLane(lane="decode", reason="a keyframe is missing")
    assert b'"lane":"decode","reason":"a keyframe is missing"' in to_stored(moved, "lane.json")
    assert from_stored(LaterLane, to_stored(moved, "lane.json"), "lane.json") == moved


def test_a_record_within_a_document_needs_a_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMAS, StoredPlan, Schema(StoredPlan, "plan chunks notes"))
    with pytest.raises(TypeError, match="VideoPlan needs a schema"):
        to_stored(next(one for one in EXAMPLES.values() if isinstance(one, StoredPlan)), "pin.json")


# ---- tracks ----------------------------------------------------------------------------------------------------------


def stored_plan(facts: VideoFacts) -> StoredPlan:
    plan = next(one for one in EXAMPLES.values() if isinstance(one, StoredPlan))
    return replace(plan, plan=replace(plan.plan, facts=facts))


def test_a_plan_stored_before_tracks_were_listed_has_its_audio_tracks_alone() -> None:
    key = next(key for key in EXAMPLES if key.endswith("pin.json"))
    facts = from_stored(StoredPlan, golden_documents()[key], key).plan.facts
    assert (
        facts.tracks
        == facts.audio
        == (AudioTrack(stream_index=2, codec="aac", sample_rate=48000, layout="5.1", language="deu", title="Ton"),)
    )
    assert facts.audio[0].disposition == ()


def test_tracks_are_stored_and_read_again_in_file_order() -> None:
    facts = probe(reader_of(clip("tracks").data), "tracks").facts
    stored = to_stored(stored_plan(facts), "pin.json")
    read = from_stored(StoredPlan, stored, "pin.json").plan.facts
    assert read == facts
    assert [track.kind for track in read.tracks] == ["audio", "audio", "subtitle", "attachment", "video"]
    written = parse_json(stored)["plan"]["facts"]
    assert written["audio"][0] == {
        "stream_index": 1,
        "codec": "aac",
        "sample_rate": 44100,
        "layout": "mono",
        "language": "eng",
        "title": "Film",
        "disposition": ["default"],
    }
    assert written["other_tracks"][0] == {
        "stream_index": 3,
        "kind": "subtitle",
        "codec": "subrip",
        "language": "fra",
        "title": "Sous-titres",
        "disposition": ["forced"],
        "obstacle": "",
    }
