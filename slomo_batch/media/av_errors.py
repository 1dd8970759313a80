"""Whatever PyAV raises while a source is read, as an error of ours: one table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import av
import av.error
from av.codec.codec import UnknownCodecError

from slomo_batch.errors import SourceUnreadable, SourceUnsupported, VideoError
from slomo_batch.media.reader import RangeReader

_DAMAGED = "the file is damaged, or not a video that FFmpeg can read"
_CUT_OFF = "the file ends before its contents do"
_NOT_BUILT_IN = "this build of FFmpeg lacks a part that the file needs"
_REACHES_OUT = "the file points to other files or addresses, which are not followed"
_REFUSED = "FFmpeg cannot read the file"
_TOO_LARGE = "the file asks for more memory than there is"
_STUCK = "FFmpeg made no progress with the file"

AV_ERRORS: Mapping[type[Exception], tuple[type[VideoError], str]] = {
    av.error.InvalidDataError: (SourceUnreadable, _DAMAGED),
    av.error.ArgumentError: (SourceUnreadable, _DAMAGED),
    av.error.BugError: (SourceUnreadable, _DAMAGED),
    av.error.BufferTooSmallError: (SourceUnreadable, _DAMAGED),
    av.error.OverflowError: (SourceUnreadable, _DAMAGED),
    av.error.EOFError: (SourceUnreadable, _CUT_OFF),
    av.error.OSError: (SourceUnreadable, _DAMAGED),
    av.error.MemoryError: (SourceUnreadable, _TOO_LARGE),
    av.error.TimeoutError: (SourceUnreadable, _STUCK),
    av.error.ExitError: (SourceUnreadable, _STUCK),
    av.error.InterruptedError: (SourceUnreadable, _STUCK),
    av.error.BlockingIOError: (SourceUnreadable, _STUCK),
    av.error.DecoderNotFoundError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.DemuxerNotFoundError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.BSFNotFoundError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.PatchWelcomeError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.NotImplementedError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.ExperimentalError: (SourceUnsupported, _NOT_BUILT_IN),
    UnknownCodecError: (SourceUnsupported, _NOT_BUILT_IN),
    av.error.ProtocolNotFoundError: (SourceUnsupported, _REACHES_OUT),
    av.error.FileNotFoundError: (SourceUnsupported, _REACHES_OUT),
    av.error.PermissionError: (SourceUnsupported, _REACHES_OUT),
    av.error.IsADirectoryError: (SourceUnsupported, _REACHES_OUT),
    av.error.NotADirectoryError: (SourceUnsupported, _REACHES_OUT),
    av.error.HTTPError: (SourceUnsupported, _REACHES_OUT),
    av.error.HTTPClientError: (SourceUnsupported, _REACHES_OUT),
    av.error.ConnectionAbortedError: (SourceUnsupported, _REACHES_OUT),
    av.error.ConnectionRefusedError: (SourceUnsupported, _REACHES_OUT),
    av.error.ConnectionResetError: (SourceUnsupported, _REACHES_OUT),
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
    MemoryError: (SourceUnreadable, _TOO_LARGE),
    UnicodeDecodeError: (SourceUnreadable, "a name in the file is not text in any known encoding"),
}
"""By exception class; a class not named is taken for the nearest of its bases that is."""


def to_video_error(error: Exception, name: str) -> VideoError | None:
    """The error of ours that `error` stands for in the source `name`; None for what is not PyAV's."""
    for kind in type(error).__mro__:
        if kind in AV_ERRORS:
            made, what = AV_ERRORS[kind]
            told = error.strerror if isinstance(error, av.error.FFmpegError) else str(error)
            return made(what, where=name, got=told or "")
    return None


@contextmanager
def reading(reader: RangeReader, name: str) -> Iterator[None]:
    """Around FFmpeg's reading of a source: storage errors come out whole, PyAV's become ours.

    Raises:
        VideoError, StorageError: as the tables here and in `media.reader` say.
    """
    try:
        yield
    except VideoError:
        reader.check()
        raise
    except Exception as error:
        reader.check()
        ours = to_video_error(error, name)
        if ours is None:
            raise
        raise ours from error
    reader.check()
