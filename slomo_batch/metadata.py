"""Metadata: what a file says in words: tags, chapters, its start timecode, and the files attached to it."""

from dataclasses import dataclass
from fractions import Fraction

Tags = tuple[tuple[str, str], ...]
"""Names and values, in the file's order. FFmpeg's names are used where it has one for all containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of a video that has a name."""

    start_s: Fraction
    """Seconds after the first presented frame; below 0 if it begins before that frame."""
    end_s: Fraction
    tags: Tags = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMetadata:
    """The metadata of a file and of its main video stream."""

    tags: Tags = ()
    """Of the file: title, creation time, place, camera."""
    video_tags: Tags = ()
    """Of the video stream."""
    chapters: tuple[Chapter, ...] = ()
    timecode: str = ""
    """Of the first frame: hours, minutes, seconds and frames, such as 10:20:30:05, or 10:20:30;05 if it is a drop-frame
    timecode."""


NO_METADATA = FileMetadata()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file within a video file: a font or a cover picture."""

    name: str
    mimetype: str
    data: bytes
    is_cover: bool
