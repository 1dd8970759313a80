"""Results: a published video, a failed one, and what the object under an output's name was made from."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from slomo_batch.errors import SlomoError
from slomo_batch.records.commits import FrameCounts, Machine
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The receipt of a published video: a verified output under its final name."""

    video_id: str
    source: Source
    output_uri: Uri
    size_bytes: int
    sha256: str
    num_frames: int
    duration_s: Fraction
    counts: FrameCounts
    frames_sha256: str
    """Hash over the hashes of all output frames before encoding, in order."""
    weights_name: str
    machines: tuple[Machine, ...]
    """The distinct machines that made the frames."""
    notes: tuple[str, ...]
    """What is missing from the output or differs from the source, for the report."""
    sidecar_sha256: str = ""
    """Of the output's sidecar; empty if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFailed:
    """A video that failed, with the reason."""

    source_uri: str
    output_uri: str
    error: str
    """Name of the error's class."""
    reason: str
    """Message of the error."""

    @classmethod
    def of(cls, request: VideoRequest, error: SlomoError) -> Self:
        """The failure of this request by this error."""
        return cls(
            source_uri=request.source.uri,
            output_uri=request.output_uri,
            error=type(error).__name__,
            reason=str(error),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOwnership:
    """What an object was made from that this job put under an output's name."""

    output_uri: Uri
    source: Source
    video_id: str
    receipt_id: str
