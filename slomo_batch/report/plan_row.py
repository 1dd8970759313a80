"""The answer of `plan`: what a run would do with each video."""

from dataclasses import dataclass, field

from slomo_batch.plan.s3_requests import S3Requests


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What a run would do with one video. The fields after `s3_requests` are empty unless `is_made`."""

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
    slowdown: float = 0.0
    """How many times longer the output lasts; the mean of a ramp."""
    is_ramp: bool = False
    """Whether the slowdown changes along the source."""
    source_rate: str = ""
    """Frames per second, exactly, such as 30000/1001; the nominal rate if it varies."""
    output_rate: str = ""
    """Frames per second, exactly."""
    width: int = 0
    """Of source and output, in pixels, before any rotation."""
    height: int = 0
    codec: str = ""
    quality: int | None = None
    """As `encode.quality`; None if the codec ignores it."""
    encoder: str = ""
    """FFmpeg's name."""
    pixel_format: str = ""
    """FFmpeg's name."""
    method: str = ""
    weights: str = ""
    """Name of the method's weights; empty if it has none."""
    audio: str = ""
    """keep, stretch, resample or drop; none if the source has no audio track that can be kept."""
    source_s: float = 0.0
    """Duration of the part of the source that is shown, in seconds."""
    output_s: float = 0.0
    """Duration of the output, in seconds."""
    output_bytes: int = 0
    """Estimate of the size of the output: see `plan.output_size`."""
    join_bytes: int = 0
    """Estimate of the local disk space that joining the output needs."""
    frames_to_make: int = 0
    """Output frames that no earlier run has made."""
    machine_hours: float | None = None
    """Time in which one machine makes these frames; None if the speed of machines is not known."""

    @property
    def is_made(self) -> bool:
        """Whether a run would make the video."""
        return not self.problem and self.state != "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSize:
    """Output frames of one size that earlier runs made."""

    width: int
    """In pixels."""
    height: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do."""

    rows: tuple[PlanRow, ...]
    """One per video."""
    empty: tuple[str, ...]
    """Inputs without any video."""
    frames_per_s: float | None = None
    """Output frames that one machine makes per second, as the caller gave it or as earlier runs measured it: a mean
    over the pictures of this plan. None if it is not known."""
    measured_on: tuple[MeasuredSize, ...] = ()
    """What earlier runs of the job made, from whose time it follows; empty if it was given, or is not known."""
    spent_hours: float = 0.0
    """Machine hours that the job has spent, if it has a budget."""
    budget_hours: float | None = None
    """Machine hours that it may spend; None without a budget."""
    price_per_hour: float | None = None
    """Of a machine, if the budget is one of money."""
    is_scaled: bool = False
    """Whether pictures of other sizes than those are to be made: their time is in proportion to their pixels."""
