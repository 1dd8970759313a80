"""What a child process that reads a stranger's file cannot do, even if the file takes control of it."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.sandbox import fork_client, landlock, seccomp
from slomo_batch.sandbox.confined import confinement
from slomo_batch.sandbox.confinement import ChildPlaces
from slomo_batch.sandbox.conversation import converse
from slomo_batch.serialization import parse_json
from tests.sandbox import intruders

needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock, or it is disabled")
needs_seccomp = pytest.mark.skipif(not seccomp.is_supported(), reason="the system calls of this CPU are not listed")
SECRETS = {"AWS_SECRET_ACCESS_KEY": "the-secret", "RAY_AUTH_TOKEN": "the-token", "HOME": "/home/somebody"}


def asked(question: Callable[[], Any], places: ChildPlaces | None = None) -> Any:
    """The child's answer."""
    heard = converse(partial(intruders.answered, question=question), "clip.mp4", places=places or ChildPlaces())
    with pytest.raises(StopIteration) as ended:
        next(heard)
    return parse_json(ended.value.value.record)


@pytest.fixture
def _fresh_server() -> Iterator[None]:
    """A fork server that starts within the test."""
    fork_client.close()
    yield
    fork_client.close()


@pytest.mark.usefixtures("_fresh_server")
def test_it_has_no_credentials_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    found = asked(intruders.environment)
    assert not SECRETS.keys() & found.keys()
    assert not [value for value in SECRETS.values() if value in "\n".join(found.values())]


@needs_seccomp
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK])
def test_it_cannot_open_a_socket(family: int) -> None:
    assert asked(partial(intruders.open_socket, int(family))) == errno.EPERM


@needs_seccomp
@pytest.mark.parametrize("question", [intruders.fork, intruders.run_program])
def test_it_cannot_start_processes(question: Callable[[], Any]) -> None:
    assert asked(question) == errno.EPERM


@needs_seccomp
def test_it_cannot_signal_other_processes() -> None:
    assert asked(partial(intruders.kill, os.getpid())) == errno.EPERM


def test_it_can_start_threads() -> None:
    assert asked(intruders.start_thread) == "ran"


@needs_landlock
def test_it_cannot_look_into_the_process_of_the_job() -> None:
    assert asked(partial(intruders.read_memory, os.getpid())) == errno.EACCES


@needs_landlock
@pytest.mark.parametrize("place", ["secret", ".", "/etc/passwd", "/root", "/tmp", "/"])
def test_it_cannot_read_files(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    assert asked(partial(intruders.read, tmp_path / place)) == errno.EACCES


@needs_landlock
def test_it_changes_files_in_its_own_folder_only(tmp_path: Path) -> None:
    own, beside = tmp_path / "own", tmp_path / "beside"
    own.mkdir()
    places = ChildPlaces(writable=(own,))
    assert asked(partial(intruders.write, own / "made"), places) == str(len("written"))
    assert asked(partial(intruders.write, beside), places) == errno.EACCES
    assert asked(partial(intruders.write, Path("/dev/null")), places) == errno.EACCES
    assert not beside.exists()


@needs_landlock
def test_it_reads_a_file_that_it_is_given_and_does_not_change_it(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("packets")
    places = ChildPlaces(readable=(given,))
    assert asked(partial(intruders.read, given), places) == "packets"
    assert asked(partial(intruders.write, given), places) == errno.EACCES


def test_without_a_folder_it_writes_no_file_even_where_files_are_not_restricted(tmp_path: Path) -> None:
    assert asked(partial(intruders.write, tmp_path / "made")) in {errno.EACCES, errno.EFBIG}


def test_a_child_reports_what_is_in_force() -> None:
    found = confinement()
    assert (found.denies_system_calls, found.landlock) == (seccomp.is_supported(), landlock.version())


def test_no_call_is_denied_by_a_wrong_number() -> None:
    """Numbers of this machine, as its C library has them, for the calls that it can name."""
    named = {name: numbers[0] for name, numbers in seccomp.DENIED.items()}
    assert len(set(named.values())) == len(named)
    on_arm = [numbers[1] for numbers in seccomp.DENIED.values() if numbers[1] is not None]
    assert len(set(on_arm)) == len(on_arm)
