"""Stored documents: the JSON documents of a work place, the names of their fields, and how each version is read.

The tables of this module name every field that is stored. Renaming or moving a record, or renaming a field of one,
changes no document, because nothing is stored or read under the name that a record gives it. A field that is added to
a document has a default in its record, the value that means what the versions without the field did, and is listed as
a later field: it is stored only if it has another value.

`publishing.json` is not listed: it is empty, and only its existence counts.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from fractions import Fraction
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeVar

from slomo_batch.metadata import Chapter, FileMetadata
from slomo_batch.plan.job_pin import Basis, WeightsPin
from slomo_batch.plan.stored_plan import MovedTo, SegmentChoice, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone, FrameCaptions, FrameCounts, Machine, PairRun, StageSeconds
from slomo_batch.records.driver_claim import DriverClaim
from slomo_batch.records.plans import Chunk, Resolved, VideoPlan
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.records.results import OutputOwnership, Published, VideoFailed
from slomo_batch.records.source_facts import AudioTrack, ColorFacts, Scan, SurveyFacts, Track, VideoFacts
from slomo_batch.report.events import Failure, JobStatus
from slomo_batch.serialization import parse_json, to_json, to_record
from slomo_batch.settings import Encode, FpsTarget, Interpolate, Range, Retime, Settings
from slomo_batch.side_data import ContentLight, Cropping, MasteringDisplay, Projection, SideData
from slomo_batch.storage.store import Upload
from slomo_batch.timeline.ramp import SpeedPart
from slomo_batch.timeline.retiming import OutputGrid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of a document, or of an object within one."""

    record: type
    """Class of the record in memory."""
    names: str
    """JSON names of the fields, in the order in which they are stored, with spaces between them."""
    parts: Mapping[str, "Schema"] = field(default_factory=dict)
    """By JSON name: the schema of each field that holds a record or a tuple of records."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """By JSON name: the attribute of the record, where it has another name; dotted if it is that of a record in it."""
    later: str = ""
    """JSON names of fields that were added later, likewise. Each is stored if its value is not the record's default."""

    @property
    def all_names(self) -> list[str]:
        """The JSON names of all fields."""
        return [*self.names.split(), *self.later.split()]

    def attribute(self, name: str) -> str:
        """The attribute of the record that holds the field of this JSON name."""
        return self.attributes.get(name, name)


# ---- objects within documents --------------------------------------------------------------------------------------

_SOURCE = Schema(Source, "uri size_bytes fingerprint")
_MACHINE = Schema(Machine, "host device builds")
_COUNTS = Schema(FrameCounts, "source made held_at_cut held_repeat held_damaged", later="held_in_doubt")
_SECONDS = Schema(StageSeconds, "fetch decode judge color model hash encode upload total")
_PAIR_RUN = Schema(PairRun, "pairs source others kind")
_FAILURE = Schema(Failure, "uri error reason")
_SETTINGS = Schema(
    Settings,
    "retime interpolate audio encode pairs_per_chunk max_held_frames",
    parts={
        "retime": Schema(
            Retime,
            "slowdown fps",
            parts={"fps": Schema(FpsTarget, "kind value"), "range": Schema(Range, "", later="start end duration")},
            later="range ramp",
        ),
        "interpolate": Schema(Interpolate, "method weights cuts duplicates precision flow_scale", later="doubt tiles"),
        "encode": Schema(Encode, "codec quality preset encoder pixel_format", later="tune keyframe_s max_bit_rate"),
    },
    attributes={"pairs_per_chunk": "chunks.pairs", "max_held_frames": "limits.max_held_frames"},
    later="scan deinterlace",
)
_REQUEST = Schema(
    VideoRequest,
    "source output_uri exists settings",
    parts={"source": _SOURCE, "settings": _SETTINGS},
    later="sidecar",
)
_SIDE_DATA = Schema(
    SideData,
    "",
    parts={
        "mastering": Schema(MasteringDisplay, "red green blue white most_luminance least_luminance"),
        "content_light": Schema(ContentLight, "most most_average"),
        "projection": Schema(Projection, "kind yaw pitch roll bounds padding"),
        "cropping": Schema(Cropping, "left top right bottom"),
    },
    later="mastering content_light projection stereo cropping dropped",
)
_METADATA = Schema(
    FileMetadata,
    "",
    parts={"chapters": Schema(Chapter, "start_s end_s", later="tags")},
    later="tags video_tags chapters timecode",
)
_FACTS = Schema(
    VideoFacts,
    "container stream_index codec width height pixel_format sample_aspect_ratio rotation_deg color rate_from_header "
    "num_frames lane lane_reason audio converted_formats oddities",
    parts={
        "color": Schema(ColorFacts, "range matrix primaries transfer chroma_location"),
        "audio": Schema(
            AudioTrack, "stream_index codec sample_rate layout language title", later="kind disposition obstacle"
        ),
        "other_tracks": Schema(Track, "stream_index kind codec language title disposition obstacle"),
        "side_data": _SIDE_DATA,
        "metadata": _METADATA,
        "scan": Schema(Scan, "field_order frames_per_picture flags", later="varies"),
        "surveyed": Schema(SurveyFacts, "num_pictures", later="num_repeats"),
    },
    later="has_alpha other_tracks part_starts is_mirrored fitted_sizes side_data metadata scan surveyed",
)
_RESOLVED = Schema(
    Resolved,
    "precision flow_scale weights_name weights_sha256 threads pyramid_levels encoder encoder_options pixel_format "
    "context audio",
    later="full_to_limited method_version batch_px tile_px",
)
_PLAN = Schema(
    VideoPlan,
    "video_id request facts resolved grid tick_s nominal_rate",
    parts={
        "request": _REQUEST,
        "facts": _FACTS,
        "resolved": _RESOLVED,
        "grid": Schema(
            OutputGrid,
            "rate slowdown num_frames",
            parts={"parts": Schema(SpeedPart, "first_tick end_tick num_frames first_speed last_speed is_smooth")},
            later="first_pair first_tick end_pair parts",
        ),
    },
)
_CHUNK = Schema(Chunk, "chunk_id index first_pair end_pair first_frame end_frame")

# ---- documents -----------------------------------------------------------------------------------------------------

_CLAIM = Schema(DriverClaim, "driver host pid process_start beat ended", later="boot_id pid_namespace")
DOCUMENTS: Mapping[str, Schema] = MappingProxyType(
    {
        "job.json": Schema(Basis, "precision threads nvenc_works", later="gpu_batches some_nvenc memory_bytes"),
        "weights/*.json": Schema(WeightsPin, "name sha256 network"),
        "epochs/*.json": _CLAIM,
        "heartbeats/*.json": _CLAIM,
        "progress/*.json": Schema(
            JobStatus,
            "job state videos_done videos_failed videos_total chunks_done chunks_total frames_done updated failures",
            parts={"failures": _FAILURE},
            later="began frames_total frames_per_s eta_s workers spent_hours budget_hours price_per_hour",
        ),
        "receipts/*.json": Schema(
            Published,
            "video_id source output_uri size_bytes sha256 num_frames duration_s counts frames_sha256 weights_name "
            "machines notes",
            parts={"source": _SOURCE, "counts": _COUNTS, "machines": _MACHINE},
            later="sidecar_sha256",
        ),
        "failures/*.json": Schema(VideoFailed, "source_uri output_uri error reason"),
        "owned/*.json": Schema(OutputOwnership, "output_uri source video_id receipt_id", parts={"source": _SOURCE}),
        "uploads/*.json": Schema(Upload, "uri token"),
        "videos/*/pin.json": Schema(StoredPlan, "plan chunks notes", parts={"plan": _PLAN, "chunks": _CHUNK}),
        "videos/*/lane.json": Schema(MovedTo, "lane"),
        "videos/*/choice.json": Schema(SegmentChoice, "segment_keys sound_key"),
        "videos/*/sound-commit.json": Schema(
            AudioDone, "video_id key size_bytes sha256 num_tracks notes", later="num_subtitles"
        ),
        "videos/*/commits/*.json": Schema(
            ChunkDone,
            "video_id chunk_id index attempt segment_key size_bytes sha256 extradata_sha256 num_frames max_reorder "
            "frame_hashes first_border_hash last_border_hash counts machine seconds",
            parts={
                "counts": _COUNTS,
                "machine": _MACHINE,
                "seconds": _SECONDS,
                "pair_runs": _PAIR_RUN,
                "captions": Schema(FrameCaptions, "frame pairs", later="has_708"),
            },
            later="pair_runs damaged_frames captions doubts strip_frame strip_doubt",
        ),
    }
)
"""By key within the job."""
SCHEMAS: dict[type, Schema] = {schema.record: schema for schema in DOCUMENTS.values()}
"""By class of the record."""

# ---- writing -------------------------------------------------------------------------------------------------------

VERSION = 1
"""Version of the documents that are written. It is raised only if a program that does not know a field would misread
the document; `_READERS` then gets one more entry."""
_VERSION = re.compile(rb'\{"version":([0-9]+),')
_CHECKED = re.compile(rb'(\{.*),"checksum":"([0-9a-f]{32})"\}', re.DOTALL)


def to_stored(record: object, name: str) -> bytes:
    """The record as a JSON document for the work place.

    The first entry is the version; the last is a checksum of `name` and all other entries. `name` is the document's key
    within its job.
    """
    plain = _to_plain(record, SCHEMAS[type(record)])
    data = b'{"version":%d,%s' % (VERSION, to_json(plain)[1:])
    return b'%s,"checksum":"%s"}' % (data[:-1], _checksum(name, data))


def _to_plain(record: object, schema: Schema) -> dict[str, Any]:
    names = [*schema.names.split(), *(name for name in schema.later.split() if _is_set(record, schema, name))]
    return {name: _value(attrgetter(schema.attribute(name))(record), schema.parts.get(name)) for name in names}


def _is_set(record: object, schema: Schema, name: str) -> bool:
    """Whether a later field has another value than its default."""
    attribute = schema.attribute(name)
    default = next(field.default for field in fields(schema.record) if field.name == attribute)
    return bool(getattr(record, attribute) != default)


def _value(value: Any, part: Schema | None) -> Any:
    if part is not None:
        return [_to_plain(one, part) for one in value] if isinstance(value, tuple) else _to_plain(value, part)
    if is_dataclass(value):
        raise TypeError(f"a field that holds a {type(value).__name__} needs a schema for it")
    return str(value) if isinstance(value, Fraction) else value


# ---- reading -------------------------------------------------------------------------------------------------------


def version_of(data: bytes) -> int:
    """The version of a stored document; 1 if it states none."""
    stated = _VERSION.match(data)
    return int(stated[1]) if stated else 1


def is_intact(data: bytes, name: str) -> bool:
    """Whether a stored document has a checksum, and it is that of this name and the other entries."""
    checked = _CHECKED.fullmatch(data)
    return checked is not None and _checksum(name, checked[1] + b"}") == checked[2]


def from_stored(kind: type[T], data: bytes, name: str) -> T:
    """Read a stored document of any version.

    Raises:
        ValueError: the document is not of this kind, or its checksum is not that of this name and these entries.
    """
    if _CHECKED.fullmatch(data) and not is_intact(data, name):
        raise ValueError("a checksum that does not match: the record was altered, or belongs under another key")
    reader = _READERS.get(version_of(data), _READERS[VERSION])
    return to_record(kind, reader(parse_json(data), SCHEMAS[kind]))


def _read_version_1(document: Any, schema: Schema) -> Any:
    """The values of a record by attribute, from what commit 5c59279 wrote or from what is written now.

    That commit wrote the same fields, without a version and a checksum. Entries that are not in the schema are ignored;
    what is not of the right shape is passed on as it is, and validation reports it.
    """
    if not isinstance(document, dict):
        return document
    values: dict[str, Any] = {}
    for name in schema.all_names:
        if name in document:
            *records, attribute = schema.attribute(name).split(".")
            inside = values
            for record in records:
                inside = inside.setdefault(record, {})
            inside[attribute] = _read_part(document[name], schema.parts.get(name))
    return values


def _read_part(value: Any, part: Schema | None) -> Any:
    if part is None:
        return value
    return [_read_version_1(one, part) for one in value] if isinstance(value, list) else _read_version_1(value, part)


_READERS: dict[int, Callable[[Any, Schema], Any]] = {1: _read_version_1}
"""By version of the document."""


def _checksum(name: str, data: bytes) -> bytes:
    return hashlib.sha256(b"%s\n%s" % (name.encode(), data)).hexdigest()[:32].encode()
