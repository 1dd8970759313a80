"""The answer of `plan`: what a run would do with each video."""

from dataclasses import dataclass, field

from slomo_batch.plan.s3_requests import S3Requests


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What a run would do with one video."""

    uri: str
    output_uri: str
    state: str
    """What a run would do, in a word: make, changed (the source has changed: make again and replace), resume, skip,
    wait, fail."""
    num_source_frames: int
    num_output_frames: int
    num_chunks: int
    size_bytes: int
    """Of the source."""
    notes: tuple[str, ...]
    """What is unusual about the file, and what of it the output will lack."""
    problem: str
    """Why it cannot be made; empty if it can."""
    s3_requests: S3Requests = field(default_factory=S3Requests)
    """Estimated requests, if its source, its output or the work place is on S3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do."""

    rows: tuple[PlanRow, ...]
    """One per video."""
    empty: tuple[str, ...]
    """Inputs without any video."""
