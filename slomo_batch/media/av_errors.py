"""Map the exceptions that PyAV raises while a source is read to errors of this project, in one table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import av
import av.error
from av.codec.codec import UnknownCodecError

from slomo_batch.errors import DISK_FULL, SlomoError, SourceUnreadable, SourceUnsupported, VideoError
from slomo_batch.media.reader import RangeReader

_DAMAGED = "the file is damaged, or not a video that FFmpeg can read"
_TRUNCATED = "the file is truncated"
COPY_AGAIN = "Copy it again from its original."
KEEP_THE_REST = (
    "Copy it again from its original; if that is damaged too, `ffmpeg -i FILE -c:v ffv1 -c:a copy NEW.mkv` keeps the "
    "frames that can be decoded."
)
"""What to do about a video of which a part cannot be decoded. The other frames are a gap in the new file."""
_NOT_BUILT_IN = "this build of FFmpeg lacks a component that the file needs"
_EXTERNAL_REFERENCE = "the file refers to other files or addresses, which are not opened"
_REFUSED = "FFmpeg cannot read the file"
_OUT_OF_MEMORY = "reading the file takes more memory than is available"
_TIMEOUT = "FFmpeg timed out while reading the file"

AV_ERRORS: Mapping[type[Exception], tuple[type[VideoError], str]] = {
    av.error.InvalidDataError: (SourceUnreadable, _DAMAGED),
    av.error.ArgumentError: (SourceUnreadable, _DAMAGED),
    av.error.BugError: (SourceUnreadable, _DAMAGED),
    av.error.BufferTooSmallError: (SourceUnreadable, _DAMAGED),
    av.error.OverflowError: (SourceUnreadable, _DAMAGED),
    av.error.EOFError: (SourceUnreadable, _TRUNCATED),
    av.error.OSError: (SourceUnreadable, _DAMAGED),
    av.error.MemoryError: (SourceUnreadable, _OUT_OF_MEMORY),
    av.error.TimeoutError: (SourceUnreadable, _TIMEOUT),
    av.error.ExitError: (SourceUnreadable, _TIMEOUT),
    av.error.InterruptedError: (SourceUnreadable, _TIMEOUT),
    av.error.BlockingIOError: (SourceUnreadable, _TIMEOUT),
    av.error.DecoderNotFoundError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.DemuxerNotFoundError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.BSFNotFoundError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.PatchWelcomeError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.NotImplementedError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.ExperimentalError: (SourceUnsupported, _NOT_BUILT_IN),
    UnknownCodecError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.ProtocolNotFoundError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.FileNotFoundError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.PermissionError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.IsADirectoryError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.NotADirectoryError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.HTTPError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.HTTPClientError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.ConnectionAbortedError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.ConnectionRefusedError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.ConnectionResetError: (SourceUnsupported, _EXTERNAL_REFERENCE),
    av.error.BrokenPipeError: (SourceUnreadable, _REFUSED),
    av.error.ChildProcessError: (SourceUnreadable, _REFUSED),
    av.error.FileExistsError: (SourceUnreadable, _REFUSED),
    av.error.ProcessLookupError: (SourceUnreadable, _REFUSED),
    av.error.LookupError: (SourceUnreadable, _REFUSED),
    av.error.ExternalError: (SourceUnreadable, _REFUSED),
    av.error.UnknownError: (SourceUnreadable, _REFUSED),
    av.error.UndefinedError: (SourceUnreadable, _REFUSED),
    av.error.InputChangedError: (SourceUnreadable, _REFUSED),
    av.error.OutputChangedError: (SourceUnreadable, _REFUSED),
    av.error.PyAVCallbackError: (SourceUnreadable, _REFUSED),
    MemoryError: (SourceUnreadable, _OUT_OF_MEMORY),
    UnicodeDecodeError: (SourceUnreadable, "a name in the file is not valid text"),
}
"""By exception class. A class that is not listed is treated like its nearest base class that is."""
_REMEDIES: Mapping[str, str] = {
    _DAMAGED: "Play it: if it plays, convert it with another program first; if it does not, copy it again from its "
    "original.",
    _TRUNCATED: COPY_AGAIN,
    _NOT_BUILT_IN: "Convert it with another program first.",
}


def to_video_error(error: Exception, name: str) -> VideoError | None:
    """The error to report for `error` in the source `name`; None if the exception is not PyAV's."""
    for kind in type(error).__mro__:
        if kind in AV_ERRORS:
            error_class, what = AV_ERRORS[kind]
            detail = error.strerror if isinstance(error, av.error.FFmpegError) else str(error)
            return error_class(what, where=name, got=detail or "", remedy=_REMEDIES.get(what, ""))
    return None


@contextmanager
def reading(reader: RangeReader, name: str) -> Iterator[None]:
    """Run code in which FFmpeg reads a source. Storage errors are raised unchanged, PyAV's are mapped to errors of this
    project.

    Raises:
        VideoError, StorageError: as listed in the tables here and in `media.reader`.
    """
    try:
        yield
    except VideoError:
        reader.check()
        raise
    except Exception as error:
        reader.check()
        video_error = to_video_error(error, name)
        if video_error is None:
            raise
        raise video_error from error
    reader.check()


@contextmanager
def ffmpeg_errors(
    kind: type[SlomoError], what: str, *, where: str = "", remedy: str = "", also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Report what FFmpeg raises inside, and the exceptions in `also`, as an error of this class. The error of a full
    disk passes."""
    reported: tuple[type[Exception], ...] = (av.FFmpegError, OSError, *also)
    try:
        yield
    except reported as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        raise kind(what, where=where, got=str(error), remedy=remedy) from error
