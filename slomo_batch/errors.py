"""The tree of error classes. The class of an error says how much of a job it stops.

    SlomoError
    ├── JobError                     scope job: the job stops
    │   ├── ManifestError            the manifest or the command is wrong            exit 2
    │   ├── WeightsError             a weights file cannot be used                   exit 2
    │   ├── ClusterError             Ray cannot be reached or cannot run the job     exit 3
    │   │   └── MachineUnfit         a machine differs from the driver's              exit 3
    │   │       ├── VersionMismatch  it has another version
    │   │       ├── FolderNotShared  it does not see a shared folder
    │   │       └── AbilityMissing   it lacks an encoder, a precision, a GPU or memory
    │   ├── StoreUnusable            no such bucket, access denied, unsafe store     exit 3
    │   │   ├── DiskFull             a local disk is full                             exit 3
    │   │   └── StoreUnusableHere    this machine's credentials, clock, certificates  exit 3
    │   ├── JobDamaged               a record of the whole job is damaged            exit 3
    │   ├── MachineUnusable          too few threads, or too little memory to start  exit 3
    │   ├── JobTaken                 another driver holds the job                    exit 3
    │   ├── BudgetSpent              the job's budget is spent before its end        exit 4
    │   ├── Interrupted              Ctrl-C or SIGTERM                               exit 130
    │   └── VideosFailed             some videos failed; raised in Python only       exit 1
    ├── VideoError                   scope video: this video fails, the others continue
    │   ├── SourceUnreadable         damaged, empty, not a video, cold storage
    │   ├── SourceChanged            the source changed during the run
    │   ├── SourceUnsupported        a kind of video that is not supported
    │   ├── OutputExists             another object exists at the output
    │   ├── BorderMismatch           two chunks decoded their shared frame differently
    │   ├── OutputInvalid            the stitched file does not match the plan
    │   ├── TooLittleDisk            no local disk has room to join the video: retried, elsewhere if possible
    │   └── ProgramFault             an unexpected error: a defect of this program
    ├── ChunkError                   scope chunk: retried, on another machine if possible
    │   ├── FrameMissing             the decoder did not return a planned frame
    │   ├── SegmentInvalid           an encoded segment does not match the plan
    │   ├── WorkerLost               the process or machine that held the chunk died
    │   └── OutOfMemory              one pair did not fit the device
    ├── WorkDamaged                  an object in the work place is damaged or missing
    ├── SurveyMissing                a video cannot be planned before it is surveyed
    └── StorageError                 scope of the caller
        ├── ObjectMissing            no such key
        ├── ObjectChanged            If-Match failed: not the object that was planned
        ├── AccessRefused            credentials or a policy deny access
        └── StorageBusy              throttled, timed out, reset: retryable

A message says what happened, to which URI or chunk, what was expected, what was found, and what to do. It contains no
credentials. MachineUnfit, DiskFull and StoreUnusableHere do not stop the job while other machines work: only their
machine is set aside.
"""

import errno
from collections.abc import Iterator
from typing import Any, ClassVar

from slomo_batch.sanitize import redact_credentials


class SlomoError(Exception):
    """Base class of all expected errors.

    `what` states what happened; the keywords say `where` (a URI, key or chunk), what was `expected`, what was `got`,
    and the `remedy` (what you can do). Instances can be pickled, so they can be sent between processes.
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
        """Remove the path of a temporary `folder` from the message and keep the names of files in it: the folder is
        deleted by the time the message is read."""
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
    """The job cannot continue."""


class ManifestError(JobError):
    """The manifest or the command is wrong; `problems` lists all problems found, one per line."""

    exit_code = 2

    def __init__(self, what: str, *, problems: tuple[str, ...] = (), where: str = "", remedy: str = "") -> None:
        self.problems = tuple(redact_credentials(problem) for problem in problems)
        super().__init__(what, where=where, remedy=remedy)
        for problem in self.problems:  # a traceback shows them
            self.add_note(problem)


class WeightsError(JobError):
    """A weights file cannot be used: unreadable, of another network, or unsafe to open."""

    exit_code = 2


class ClusterError(JobError):
    """Ray cannot be reached, or has nothing that can run the job."""

    exit_code = 3


class MachineUnfit(ClusterError):
    """A machine of a cluster differs from what the driver requires. While others work, only this one is set aside."""


class VersionMismatch(MachineUnfit):
    """A worker runs another slomo_batch than the driver."""


class FolderNotShared(MachineUnfit):
    """A machine does not see a folder of `storage.shared` as the driver does."""


class AbilityMissing(MachineUnfit):
    """Workers on a machine, or on all machines, cannot do what the job needs."""


class StoreUnusable(JobError):
    """A required store does not exist, denies access, or lacks a guarantee that commits need."""

    exit_code = 3


class DiskFull(StoreUnusable):
    """A local disk is full. While other machines of a cluster work, only its machine is set aside."""


class StoreUnusableHere(StoreUnusable):
    """A machine cannot use a store: its credentials, certificates, clock or configuration are to blame. It may pass.

    While other machines of a cluster work, only its machine rests, and is set aside if it goes on.
    """

    retryable = True


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The operating system's error numbers for a full disk."""


class JobDamaged(JobError):
    """A record that the whole job depends on cannot be read, or does not belong to its key."""

    exit_code = 3


class MachineUnusable(JobError):
    """This machine lacks what the program needs to start: threads, memory, libraries."""

    exit_code = 3


class JobTaken(JobError):
    """Another live driver holds this job, or took it over from this one."""

    exit_code = 3


class BudgetSpent(JobError):
    """The job has spent its budget, and videos are left; a run with a larger budget goes on. Raised by the Python
    interface only: the commands exit with its code."""

    exit_code = 4


class Interrupted(JobError):
    """A person or the system asked the job to stop; committed work is kept, and the next run resumes."""

    exit_code = 130


class VideosFailed(JobError):
    """Some videos failed; `problems` lists the reason of each. Raised by the Python interface only."""

    def __init__(self, what: str, *, problems: tuple[str, ...] = ()) -> None:
        self.problems = tuple(redact_credentials(problem) for problem in problems)
        super().__init__("\n".join((what, *self.problems)))


class VideoError(SlomoError):
    """This video fails, for a reason that you can act on; the others continue."""


class SourceUnreadable(VideoError):
    """The source is damaged, empty, not a video, or cannot be fetched."""


class SourceChanged(VideoError):
    """The source changed since the video was planned."""


class SourceUnsupported(VideoError):
    """A kind of video that this version does not support; the message names the feature."""


class OutputExists(VideoError):
    """An object that was not made from this source with these settings exists at the output URI."""


class BorderMismatch(VideoError):
    """Two adjacent chunks decoded their shared source frame differently: the source must be decoded once."""


class OutputInvalid(VideoError):
    """The stitched file does not match the plan."""


class TooLittleDisk(VideoError):
    """A local disk has too little room for a step. It is tried again, on another machine if there is one."""

    retryable = True


class ProgramFault(VideoError):
    """An unexpected error: a defect of this program. The video fails, the others continue; `got` has the traceback."""


class ChunkError(SlomoError):
    """One attempt at one chunk failed; another may succeed."""

    retryable = True


class FrameMissing(ChunkError):
    """The decoder did not return a planned source frame: the source must be decoded once."""

    retryable = False


class SegmentInvalid(ChunkError):
    """An encoded segment does not contain the frames that were encoded."""


class WorkerLost(ChunkError):
    """The process or machine that held the chunk died."""


class OutOfMemory(ChunkError):
    """One pair of frames did not fit in the device's memory."""


class WorkDamaged(SlomoError):
    """An object in the work place is missing, cannot be read, or does not belong to its key.

    A step that raises it has deleted the object if it can be made again; the step that makes it is run again.
    """

    retryable = True


class SurveyMissing(SlomoError):
    """A video cannot be planned before it is surveyed, and it is not. `notes` are what a person should know of it."""

    def __init__(self, what: str, *, notes: tuple[str, ...] = (), where: str = "") -> None:
        self.notes = notes
        super().__init__(what, where=where)


class StorageError(SlomoError):
    """A store did not return the requested object."""


class ObjectMissing(StorageError):
    """No object exists at this key."""


class ObjectChanged(StorageError):
    """The object at this key is not the expected one (If-Match failed)."""


class AccessRefused(StorageError):
    """Credentials or a policy deny access."""


class StorageBusy(StorageError):
    """Throttled, timed out or cut off; the same request may succeed later."""

    retryable = True


def error_from_name(name: str, message: str) -> SlomoError:
    """Create an error from the class name and message in a log; a `SlomoError` if no class has this name."""
    kinds = {kind.__name__: kind for kind in _below(SlomoError)}
    return kinds.get(name, SlomoError)(message)


def _below(kind: type[SlomoError]) -> Iterator[type[SlomoError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)
