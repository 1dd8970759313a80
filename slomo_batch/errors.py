"""What can go wrong, as a tree of classes. The class says how far an error reaches.

    SlomoError
    ├── JobError                     scope job: nothing can go on
    │   ├── ManifestError            the manifest or the command is wrong            exit 2
    │   ├── WeightsError             a weights file cannot be used                   exit 2
    │   ├── ClusterError             Ray cannot be reached or cannot run the job     exit 3
    │   │   └── VersionMismatch      a worker's code; where others work: its machine's exit 3
    │   ├── StoreUnusable            no such bucket, access denied, unsafe store     exit 3
    │   │   └── DiskFull             a local disk; where others work: its machine's  exit 3
    │   ├── JobDamaged               a record of the whole job is damaged            exit 3
    │   ├── MachineUnusable          too few threads, or too little memory to start  exit 3
    │   ├── JobTaken                 another driver holds the job                    exit 3
    │   └── Interrupted              Ctrl-C or SIGTERM                               exit 130
    ├── VideoError                   scope video: this video fails, the others go on
    │   ├── SourceUnreadable         damaged, empty, not a video, cold storage
    │   ├── SourceChanged            the source changed under the run
    │   ├── SourceUnsupported        a kind of video this version does not take
    │   ├── OutputExists             something else stands where the output belongs
    │   ├── BorderMismatch           two chunks decoded their shared frame differently
    │   ├── OutputInvalid            the stitched file is not what the plan says
    │   └── ProgramFault             an error nobody foresaw: a defect of this program
    ├── ChunkError                   scope chunk: tried again, elsewhere if it can be
    │   ├── FrameMissing             a planned frame did not come out of the decoder
    │   ├── SegmentInvalid           an encoded segment is not what the plan says
    │   ├── WorkerLost               the process or machine that held the chunk died
    │   └── OutOfMemory              one pair did not fit the device
    ├── WorkDamaged                  an object in the work place is not what its key says
    └── StorageError                 scope of whoever asked
        ├── ObjectMissing            no such key
        ├── ObjectChanged            If-Match failed: not the object that was planned
        ├── AccessRefused            credentials or a policy say no
        └── StorageBusy              throttled, timed out, reset: retryable

A message answers: what happened, to which uri or chunk, what was expected, what was found, what to do. It holds no
credentials.
"""

import errno
from collections.abc import Iterator
from typing import Any, ClassVar

from slomo_batch.redact import redact_credentials


class SlomoError(Exception):
    """Root of every expected failure.

    `what` states the fact; the keywords say where (a uri, key or chunk), what was `expected`, what was `got`, and the
    `remedy`: what a person can do. Instances survive pickling, so they cross process borders whole.
    """

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", expected: str = "", got: str = "", remedy: str = "") -> None:
        self.what, self.where, self.expected, self.got, self.remedy = what, where, expected, got, remedy
        super().__init__(self._message())

    def _message(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        text = ", ".join(parts)
        return redact_credentials(f"{text}. {self.remedy}" if self.remedy else text)

    def remove_folder(self, folder: str) -> None:
        """Leave out the path of a temporary `folder`, which nobody can look into, wherever the message names a file in
        it: the file's own name stays."""
        for name in ("what", "where", "expected", "got", "remedy"):
            setattr(self, name, getattr(self, name).replace(f"{folder.rstrip('/')}/", ""))
        self.args = (self._message(),)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__), self.args)


def _rebuild(kind: type[SlomoError], state: dict[str, Any], args: tuple[Any, ...]) -> SlomoError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class JobError(SlomoError):
    """Nothing of the job can go on."""


class ManifestError(JobError):
    """The manifest or the command is wrong; `problems` lists each one found, a line each."""

    exit_code = 2

    def __init__(self, what: str, *, problems: tuple[str, ...] = (), where: str = "", remedy: str = "") -> None:
        self.problems = tuple(redact_credentials(problem) for problem in problems)
        super().__init__(what, where=where, remedy=remedy)


class WeightsError(JobError):
    """A weights file cannot be used: unreadable, another network's, or unsafe to open."""

    exit_code = 2


class ClusterError(JobError):
    """Ray cannot be reached, or has nothing that can run the job."""

    exit_code = 3


class VersionMismatch(ClusterError):
    """A worker runs another slomo-batch than the driver. Its machine is set aside instead, as long as others work."""


class StoreUnusable(JobError):
    """A store the job needs does not exist, refuses us, or breaks a promise the commits rest on."""

    exit_code = 3


class DiskFull(StoreUnusable):
    """A local disk has no room left. On a cluster its machine is set aside instead, as long as others work."""


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The operating system's numbers for that."""


class JobDamaged(JobError):
    """A record that decides something for the whole job cannot be read, or is not what its key says."""

    exit_code = 3


class MachineUnusable(JobError):
    """This machine gives the program less than it needs to start: threads, memory, libraries."""

    exit_code = 3


class JobTaken(JobError):
    """Another live driver holds this job, or took it over from this one."""

    exit_code = 3


class Interrupted(JobError):
    """A person or the system asked the job to stop; what is committed stays, the next run resumes."""

    exit_code = 130


class VideoError(SlomoError):
    """This video fails with a reason a person can act on; the others go on."""


class SourceUnreadable(VideoError):
    """The source is damaged, empty, not a video, or cannot be fetched."""


class SourceChanged(VideoError):
    """The source is no longer the one that was planned."""


class SourceUnsupported(VideoError):
    """A kind of video this version does not take; the message names the feature."""


class OutputExists(VideoError):
    """Something stands under the output's name that this source and these settings did not make."""


class BorderMismatch(VideoError):
    """Two neighbouring chunks decoded their shared source frame differently: the source must be decoded once."""


class OutputInvalid(VideoError):
    """The stitched file does not hold what the plan promises."""


class ProgramFault(VideoError):
    """An error nobody foresaw: a defect of this program. The video fails, the others go on; `got` has the traceback."""


class ChunkError(SlomoError):
    """One attempt at one chunk failed; another may succeed."""

    retryable = True


class FrameMissing(ChunkError):
    """A planned source frame did not come out of the decoder: the source must be decoded once."""

    retryable = False


class SegmentInvalid(ChunkError):
    """An encoded segment does not hold the frames it was given."""


class WorkerLost(ChunkError):
    """The process or machine that held the chunk died."""


class OutOfMemory(ChunkError):
    """One pair of frames did not fit the device's memory."""


class WorkDamaged(SlomoError):
    """An object in the work place is missing, cannot be read, or is not what its key says.

    A step that raises it has deleted the object if it can be made again; what makes it is run again.
    """

    retryable = True


class StorageError(SlomoError):
    """A store answered something other than the object asked for."""


class ObjectMissing(StorageError):
    """There is no object under this key."""


class ObjectChanged(StorageError):
    """The object under this key is not the one asked for (If-Match failed)."""


class AccessRefused(StorageError):
    """Credentials or a policy say no."""


class StorageBusy(StorageError):
    """Throttled, timed out or cut off; the same request may succeed later."""

    retryable = True


def error_from_name(name: str, message: str) -> SlomoError:
    """Return the error that a log names by its class and its message; a `SlomoError` where no class has the name."""
    kinds = {kind.__name__: kind for kind in _below(SlomoError)}
    return kinds.get(name, SlomoError)(message)


def _below(kind: type[SlomoError]) -> Iterator[type[SlomoError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)
