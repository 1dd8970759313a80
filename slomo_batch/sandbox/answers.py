"""Answers: what a child process sends back, as JSON and columns of numbers, and how its parent reads and checks it.

A child that read a stranger's file may be under the control of that file. So nothing that it sends is unpickled: types
and lengths are checked, and each record checks what must be true of its values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from slomo_batch.media.probe import Probe
from slomo_batch.metadata import AttachedFile
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.sanitize import one_line
from slomo_batch.serialization import from_json, to_json
from slomo_batch.timeline.field_measures import FieldMeasures
from slomo_batch.timeline.index import SourceTimeline, VideoIndex
from slomo_batch.timeline.joins import Join
from slomo_batch.timeline.scan_runs import FLAGS
from slomo_batch.timeline.survey import Survey

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last message of a child: a record as JSON, and columns of numbers."""

    record: bytes
    columns: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """All of a probe but its columns."""

    facts: VideoFacts
    time_base: Fraction
    last_duration: int
    joins: tuple[Join, ...]
    tick_s: Fraction
    end: int
    rate: Fraction | None
    nominal_rate: Fraction
    num_film: int
    frames_per_picture: int


def answer_of_probe(probed: Probe) -> Answer:
    """The probe of a source that is not surveyed."""
    index, timeline = probed.index, probed.timeline
    record = ProbeRecord(
        facts=probed.facts,
        time_base=index.time_base,
        last_duration=index.last_duration,
        joins=index.joins,
        tick_s=timeline.tick_s,
        end=timeline.end,
        rate=timeline.rate,
        nominal_rate=timeline.nominal_rate,
        num_film=timeline.num_film,
        frames_per_picture=timeline.frames_per_picture,
    )
    columns = (index.pts, index.size_bytes, index.is_keyframe, index.is_discarded, timeline.ticks)
    return Answer(record=to_json(record), columns=tuple(column.tobytes() for column in columns))


def read_probe(answer: Answer) -> Probe:
    """The probe in an answer.

    Raises:
        ValueError: it is none, or its parts do not fit together.
    """
    record = from_json(ProbeRecord, answer.record)
    pts, size_bytes, is_keyframe, is_discarded, ticks = answer.columns
    index = VideoIndex(
        time_base=record.time_base,
        pts=_column(pts, np.int64),
        size_bytes=_column(size_bytes, np.int64),
        is_keyframe=_flags(is_keyframe),
        is_discarded=_flags(is_discarded),
        last_duration=record.last_duration,
        joins=record.joins,
    )
    timeline = SourceTimeline(
        tick_s=record.tick_s,
        ticks=_column(ticks, np.int64),
        end=record.end,
        rate=record.rate,
        nominal_rate=record.nominal_rate,
        num_film=record.num_film,
        frames_per_picture=record.frames_per_picture,
    )
    num_frames = len(index.frame_pts) * record.facts.scan.frames_per_picture
    if not num_frames == timeline.num_frames == record.facts.num_frames:
        raise ValueError(f"{num_frames}, {timeline.num_frames} and {record.facts.num_frames} frames")
    if min(record.time_base, record.tick_s, record.nominal_rate) <= 0:
        raise ValueError("a tick or a rate is not positive")
    return Probe(facts=record.facts, index=index, timeline=timeline)


_SURVEY_TYPES: tuple[tuple[str, type[Any]], ...] = (
    ("hashes", np.uint64),
    ("is_held", np.bool_),
    ("block_change", np.float32),
    ("mean_change", np.float32),
    ("fields", np.int64),
    ("scan_flags", np.int8),
)


def answer_of_survey(survey: Survey) -> Answer:
    """The survey of a source."""
    columns = tuple(np.ascontiguousarray(getattr(survey, name)).tobytes() for name, _ in _SURVEY_TYPES)
    return Answer(record=b"null", columns=columns)


def read_survey(answer: Answer, num_pictures: int) -> Survey:
    """The survey of so many pictures in an answer.

    Raises:
        ValueError: it is none, or of another number of pictures.
    """
    columns: dict[str, NDArray[Any]] = {
        name: _flags(data) if kind is np.bool_ else _column(data, kind)
        for (name, kind), data in zip(_SURVEY_TYPES, answer.columns, strict=True)
    }
    columns["fields"] = columns["fields"].reshape(-1, len(FieldMeasures._fields))
    survey = Survey(**columns)
    if survey.num_pictures != num_pictures:
        raise ValueError(f"a survey of {survey.num_pictures} pictures instead of {num_pictures}")
    if not np.isin(survey.scan_flags, range(len(FLAGS))).all():
        raise ValueError("an unknown scan flag")
    return survey


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedRecord:
    """All of an attached file but its bytes."""

    name: str
    mimetype: str
    is_cover: bool
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedRecords:
    """All attached files of a source."""

    files: tuple[AttachedRecord, ...]


def answer_of_files(files: Sequence[AttachedFile]) -> Answer:
    """The files that are attached to a source. Their bytes are one column."""
    records = tuple(
        AttachedRecord(name=file.name, mimetype=file.mimetype, is_cover=file.is_cover, size_bytes=len(file.data))
        for file in files
    )
    return Answer(record=to_json(AttachedRecords(files=records)), columns=(b"".join(file.data for file in files),))


def read_files(answer: Answer) -> list[AttachedFile]:
    """The attached files in an answer.

    Raises:
        ValueError: it is none, or lengths do not fit.
    """
    records = from_json(AttachedRecords, answer.record).files
    (data,) = answer.columns
    ends = list(accumulate(record.size_bytes for record in records))
    if min((record.size_bytes for record in records), default=0) < 0 or (ends[-1] if ends else 0) != len(data):
        raise ValueError(f"files of {ends[-1:]} bytes in {len(data)}")
    return [
        AttachedFile(
            name=one_line(record.name),
            mimetype=one_line(record.mimetype),
            data=data[end - record.size_bytes : end],
            is_cover=record.is_cover,
        )
        for record, end in zip(records, ends, strict=True)
    ]


def _column(data: bytes, kind: type[Number]) -> NDArray[Number]:
    return np.frombuffer(data, dtype=kind)


def _flags(data: bytes) -> NDArray[np.bool_]:
    return np.frombuffer(data, dtype=np.uint8).astype(np.bool_)
