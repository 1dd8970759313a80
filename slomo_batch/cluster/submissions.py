"""Submissions: what to run on a cluster, under which id, and what its end means. Pure.

An id is the job's name, a digest of the request, and a number that counts the runs of that name on the cluster:
derby-2019-3f9a1c20b7d4-2. Submitting the same request while it runs attaches to that run; after its end it gets the
next number. Another digest for a name that runs is refused, because the two runs would take the job from each other.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from slomo_batch.errors import ClusterError, Interrupted, JobTaken, ManifestError
from slomo_batch.manifest.canonical import CanonicalManifest
from slomo_batch.serialization import digest

MAX_COMMAND_BYTES = 120_000
"""Linux limits one argument of a process to 128 KiB, and a command of Ray's job API is one."""
DRAIN_S = 600
"""Seconds that a run has to finish what it holds after it is asked to stop, before Ray kills it."""
NOT_FOUND = 127
"""The shell's exit code if a command does not exist."""
_ID = re.compile(r"(?P<job>.+)-(?P<digest>[0-9a-f]{12})-(?P<number>[1-9][0-9]*)")
_END_OF_MANIFEST = "MANIFEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to run one job on a cluster."""

    job: str
    """Its name."""
    manifest: CanonicalManifest
    retry_failed: bool = False
    force: bool = False
    take_over: bool = False
    prewarm: int = 0
    """Workers for which machines start at once."""
    strict: bool = False

    @property
    def digest(self) -> str:
        """Digest of what the run makes: two requests with the same digest are interchangeable."""
        flags = f"{self.retry_failed} {self.force}" + (" strict" if self.strict else "")
        return digest("submission", self.manifest.text, *self.manifest.settings, flags)[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a cluster knows of one run."""

    job: str
    """Its name."""
    digest: str
    number: int
    status: str
    """Ray's status: PENDING, RUNNING, STOPPED, SUCCEEDED, FAILED."""
    entrypoint: str = ""
    """The command that Ray runs."""
    exit_code: int | None = None
    """Of the process; negative: the signal that ended it. None if it never ran, or was stopped."""
    message: str = ""
    """Ray's message about it."""
    node: str = ""
    """Ray's id of the machine on which it runs, and where its log is; empty before it has one."""

    @property
    def id(self) -> str:
        """Ray's name for it."""
        return f"{self.job}-{self.digest}-{self.number}"

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.status not in {"PENDING", "RUNNING"}


def parse_id(submission_id: str) -> tuple[str, str, int] | None:
    """Job, digest and number of an id; None if the id is not one of slomo_batch."""
    found = _ID.fullmatch(submission_id)
    return (found["job"], found["digest"], int(found["number"])) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """The run exists: submit nothing."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Submit a run under this id."""

    id: str


def decide(request: Request, known: Iterable[Submission]) -> Attach | Start:
    """Decide what to do for a request on a cluster with these submissions.

    Raises:
        JobTaken: the job runs with other settings.
    """
    runs = runs_of(request.job, known)
    for run in runs:
        if run.has_ended:
            continue
        if run.digest == request.digest:
            return Attach(id=run.id)
        raise JobTaken(
            "this job is being run with other settings or options",
            where=run.id,
            remedy=f"`slomo-batch logs {request.job}` watches that run, `slomo-batch cancel {request.job}` ends it; "
            "to run both, give one another name.",
        )
    number = 1 + max((run.number for run in runs), default=0)
    return Start(id=f"{request.job}-{request.digest}-{number}")


def runs_of(job: str, known: Iterable[Submission]) -> list[Submission]:
    """The runs of a job, the latest first."""
    return sorted((each for each in known if each.job == job), key=lambda run: run.number, reverse=True)


def latest_run(job: str, known: Iterable[Submission]) -> Submission:
    """The latest run of a job.

    Raises:
        ManifestError: the cluster knows none.
    """
    submissions = list(known)
    runs = runs_of(job, submissions)
    if not runs:
        names = ", ".join(sorted({each.job for each in submissions})) or "none"
        raise ManifestError("was never submitted to this cluster", where=job, remedy=f"Jobs it knows: {names}.")
    return next((run for run in runs if not run.has_ended), runs[0])


# ---- the command ---------------------------------------------------------------------------------------------------


def command_of(request: Request, *, version: str) -> str:
    """The shell command that runs the job on the cluster, its manifest on stdin.

    Raises:
        ManifestError: it is longer than a command can be.
    """
    words = ["exec", "slomo-batch", "run", "-", "--json", "--brief", "--require-version", version]
    for setting in request.manifest.settings:
        words += ["--set", setting]
    words += ["--retry-failed"] if request.retry_failed else []
    words += ["--force"] if request.force else []
    words += ["--strict"] if request.strict else []
    words += ["--take-over"] if request.take_over else []
    words += ["--prewarm", str(request.prewarm)] if request.prewarm else []
    # The manifest is one line that begins with a brace, so it cannot end the here-document.
    command = f"{shlex.join(words)} <<'{_END_OF_MANIFEST}'\n{request.manifest.text}\n{_END_OF_MANIFEST}"
    size = len(command.encode())
    if size > MAX_COMMAND_BYTES:
        raise ManifestError(
            f"is too long to submit: the command has {size:,} bytes, the limit is {MAX_COMMAND_BYTES:,}",
            where=request.job,
            remedy="List the inputs in a table (`- table: s3://...`), or use globs.",
        )
    return command


# ---- the end -------------------------------------------------------------------------------------------------------


def exit_code_of(run: Submission) -> int:
    """The exit code of this command for a run that has ended.

    Raises:
        ClusterError: slomo_batch did not run, or was ended from outside.
    """
    if run.status == "SUCCEEDED":
        return 0
    if run.status == "STOPPED":
        return Interrupted.exit_code
    if run.exit_code == NOT_FOUND:
        raise ClusterError(
            "slomo_batch is not installed on the cluster's head, or not on the PATH of its `ray start`",
            where=run.id,
            remedy="cluster.yaml shows how every node gets it.",
        )
    if run.exit_code is None:
        raise ClusterError("Ray could not run it, or lost it", where=run.id, got=_last_line(run.message))
    if run.exit_code < 0:
        raise ClusterError(
            f"was ended on the cluster by signal {-run.exit_code}", where=run.id, remedy="Submit it again: it resumes."
        )
    return run.exit_code


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "no reason"
