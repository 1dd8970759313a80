"""The decision of a submitter by the known runs of a cluster, and the exit codes of their ends."""

import shlex
import subprocess

import pytest

from slomo_batch.cluster.submissions import (
    MAX_COMMAND_BYTES,
    Attach,
    Request,
    Start,
    Submission,
    command_of,
    decide,
    exit_code_of,
    latest_run,
    parse_id,
)
from slomo_batch.errors import ClusterError, JobTaken, ManifestError
from slomo_batch.manifest.canonical import CanonicalManifest


def asked(text: str = "{}", *, job: str = "derby-2019", prewarm: int = 0, **flags: bool) -> Request:
    return Request(job=job, manifest=CanonicalManifest(text=text, settings=()), prewarm=prewarm, **flags)


def run_of(request: Request, number: int, status: str) -> Submission:
    return Submission(job=request.job, digest=request.digest, number=number, status=status)


def ended(status: str, exit_code: int | None = None, message: str = "") -> Submission:
    return Submission(job="j", digest="0" * 12, number=1, status=status, exit_code=exit_code, message=message)


def test_the_first_run_has_number_1_and_an_id_of_job_digest_and_number() -> None:
    decision = decide(asked(), [])
    assert decision == Start(id=f"derby-2019-{asked().digest}-1")
    assert parse_id(decision.id) == ("derby-2019", asked().digest, 1)


@pytest.mark.parametrize("status", ["PENDING", "RUNNING"])
def test_the_same_request_during_a_run_joins_that_run(status: str) -> None:
    runs = [run_of(asked(), 1, "STOPPED"), run_of(asked(), 2, status)]
    assert decide(asked(), runs) == Attach(id=runs[1].id)
    assert decide(asked(prewarm=3), runs) == Attach(id=runs[1].id)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "STOPPED"])
def test_the_same_request_after_its_end_is_the_next_number(status: str) -> None:
    runs = [run_of(asked(), 2, status), run_of(asked("{1}"), 9, status), run_of(asked(job="other"), 30, "RUNNING")]
    assert decide(asked(), runs) == Start(id=f"derby-2019-{asked().digest}-10")


@pytest.mark.parametrize("other", [asked("{1}"), asked(retry_failed=True), asked(force=True)])
def test_another_digest_for_a_running_job_name_is_refused(other: Request) -> None:
    with pytest.raises(JobTaken, match=r"other settings.*slomo-batch cancel derby-2019") as refused:
        decide(asked(), [run_of(other, 4, "RUNNING"), run_of(asked(), 3, "STOPPED")])
    assert refused.value.exit_code == 3
    assert refused.value.where == f"derby-2019-{other.digest}-4"


@pytest.mark.parametrize("foreign", ["raysubmit_4LamXRuQpYdSMg7J", "derby-2019", "derby-xyz-1", "", "a-0123456789ab-0"])
def test_submissions_of_others_are_ignored(foreign: str) -> None:
    assert parse_id(foreign) is None


def test_the_latest_run_is_the_running_one_or_else_the_last() -> None:
    runs = [run_of(asked(), 1, "STOPPED"), run_of(asked(), 3, "FAILED"), run_of(asked(), 2, "RUNNING")]
    assert latest_run("derby-2019", runs).number == 2
    assert latest_run("derby-2019", [runs[0], runs[1]]).number == 3
    with pytest.raises(ManifestError, match="Jobs it knows: derby-2019"):
        latest_run("derby", runs)


def test_the_shell_passes_the_manifest_on_unchanged() -> None:
    text = """{"name":"it's `me` $HOME \\\\ MANIFEST"}"""
    request = Request(job="j", manifest=CanonicalManifest(text=text, settings=("a.b=\"x 'y'\"",)), retry_failed=True)
    command = command_of(request, version="1.2.3")
    words = shlex.split(command.splitlines()[0])
    assert words[:-1] == [
        *("exec", "slomo-batch", "run", "-", "--json", "--brief", "--require-version", "1.2.3"),
        *("--set", "a.b=\"x 'y'\"", "--retry-failed"),
    ]
    document = command[command.index(" <<") :]
    printed = subprocess.run(f"cat{document}", shell=True, capture_output=True, text=True, check=True).stdout
    assert printed == f"{text}\n"


def test_a_manifest_too_long_for_a_command_is_refused_with_a_remedy() -> None:
    with pytest.raises(ManifestError, match="table"):
        command_of(asked("{" + " " * MAX_COMMAND_BYTES + "}"), version="1")


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (ended("SUCCEEDED", 0), 0),
        (ended("FAILED", 1), 1),
        (ended("FAILED", 2), 2),
        (ended("FAILED", 3), 3),
        (ended("FAILED", 4), 4),
        (ended("FAILED", 70), 70),
        (ended("FAILED", 130), 130),
        (ended("STOPPED"), 130),
    ],
)
def test_the_exit_code_of_a_run_is_passed_on(run: Submission, code: int) -> None:
    assert exit_code_of(run) == code


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (ended("FAILED", 127), "not installed"),
        (ended("FAILED", -9), "signal 9"),
        (ended("FAILED", None, "Traceback\nJob supervisor actor died: node lost\n"), "node lost"),
    ],
)
def test_a_run_that_did_not_end_by_itself_is_a_failure_of_the_cluster(run: Submission, words: str) -> None:
    with pytest.raises(ClusterError, match=words):
        exit_code_of(run)
