"""Requests: a source as it was found, and the output that a person asks for."""

from dataclasses import dataclass

from slomo_batch.settings import Exists, Settings
from slomo_batch.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One video file as it was found."""

    uri: Uri
    size_bytes: int
    fingerprint: str
    """Changes when the file does: version id or ETag on S3; size, mtime and hash of head and tail on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """One requested video: its source, its settings, and where its output goes."""

    source: Source
    output_uri: Uri
    exists: Exists
    """What to do if another object exists under the output's name."""
    sidecar: bool = False
    """Whether the output gets a sidecar: a JSON file that says where each frame comes from."""
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVideo:
    """A requested video that this run is to make."""

    request: VideoRequest
    receipt_id: str
    remake: bool
    """Whether there is a receipt of an earlier publication: the output is gone, or will be made again."""
    changed: bool = False
    """Whether the output that exists is of an earlier version of the source, to be replaced by the new one."""
    is_free: bool = False
    """Whether there is no object under the output's name."""
