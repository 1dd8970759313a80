"""The Ray that `auto` means: a named one is tried first, for seconds; advice if a local Ray cannot start."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest

from slomo_batch.cluster import ray_address
from slomo_batch.cluster.ray_address import RayChoice, check_answers, check_cluster, choose, start_advice, temp_folder
from tests.strangers import as_stranger


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ray's temporary folder, and nothing else that names a cluster."""
    monkeypatch.setattr(ray_address, "_folders_in_use", lambda: iter(()))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray"


@pytest.fixture
def head() -> Iterator[str]:
    """The address of a server of gRPC, as the head of a cluster is one."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


@contextmanager
def listening(answer: bytes) -> Iterator[str]:
    """A server that is not Ray: it answers with these bytes, or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                connection.sendall(answer)
                while connection.recv(100):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_no_named_cluster_means_a_local_ray(folder: Path) -> None:
    assert choose() == RayChoice(address="local")
    (folder / "ray_current_cluster").write_bytes(b"\xff")
    assert choose() == RayChoice(address="local")


def test_a_cluster_named_in_the_temporary_folder_that_answers_is_joined(folder: Path, head: str) -> None:
    file = folder / "ray_current_cluster"
    file.write_text(head + "\n")
    assert choose() == RayChoice(address=head, named_by=str(file))
    assert choose().init_arguments == {}


def test_a_stale_address_means_a_local_ray_and_a_note(folder: Path) -> None:
    address, file = closed_port(), folder / "ray_current_cluster"
    file.write_text(address)
    choice = choose()
    assert choice.address == "local"
    [note] = choice.notes
    assert note.startswith(f"{file} names a Ray cluster at {address} that does not answer")
    assert "a local Ray is used. If that cluster is gone, delete the file" in note
    with pytest.raises(ConnectionError, match=f"{address} that does not answer .*delete the file"):
        check_cluster("")


def test_a_cluster_in_another_temporary_folder_is_found_by_its_process(
    tmp_path: Path, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "default"))
    file = tmp_path / "ray_current_cluster"
    file.write_text(head)
    code = "import sys; print('started', flush=True); sys.stdin.read()"
    words = ["/ray/raylet", "-c", code, f"--temp_dir={tmp_path}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, executable=sys.executable, stdin=pipe, stdout=pipe) as raylet:
        # /proc shows the arguments only when the new program runs, which can be after Popen returns.
        assert raylet.stdout is not None
        raylet.stdout.readline()
        assert file in list(ray_address._address_files())
        choice = RayChoice(address=head, named_by=str(file))
        assert choice.init_arguments == {"_temp_dir": str(tmp_path)}
        assert raylet.stdin is not None
        raylet.stdin.close()


def test_only_the_cluster_named_by_ray_address_is_used(
    folder: Path, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ray_current_cluster").write_text(head)
    address = closed_port()
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert choose() == RayChoice(address=address, named_by="RAY_ADDRESS")
    assert choose().init_arguments == {"address": address}
    for named in ("", address):
        with pytest.raises(ConnectionRefusedError):
            check_cluster(named)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    check_cluster("")
    assert choose().address == head


def test_another_kind_of_server_is_not_mistaken_for_ray() -> None:
    with (
        listening(b"-ERR unknown command 'PRI'\r\n") as address,
        pytest.raises(OSError, match="another kind of server"),
    ):
        check_answers(address, 5)
    with listening(b"") as address, pytest.raises(TimeoutError):
        check_answers(address, 0.2)
    with pytest.raises(ConnectionRefusedError):
        check_answers(closed_port(), 5)


def test_a_temporary_folder_too_long_for_sockets_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", f"/tmp/{'x' * 60}")
    assert start_advice().startswith("Set RAY_TMPDIR to a shorter folder, such as /tmp: /tmp/xxx")
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert start_advice() == ""
    assert temp_folder() == Path("/tmp/ray")


def test_a_temporary_folder_of_another_user_or_without_room_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/1")
    with as_stranger():
        assert start_advice().startswith("Set RAY_TMPDIR to a short folder that you own: /proc/1 belongs to another")
    monkeypatch.setenv("RAY_TMPDIR", "/dev")
    monkeypatch.setattr(ray_address, "LEAST_FREE_BYTES", 1 << 60)
    assert start_advice().startswith("Free disk space, or set RAY_TMPDIR to a folder on another disk: /dev has ")


@pytest.mark.parametrize(
    ("address", "reason", "advice"),
    [
        ("", "Could not find any running Ray instance", "Pass the address of a cluster's dashboard with --address"),
        ("127.0.0.1:8265", "another kind of server answers there", "write --address http://127.0.0.1:8265."),
        ("http://head:8265", "Failed to connect to Ray at address: http://head:8265", "open a tunnel"),
        ("127.0.0.1:6379", "Authentication token is missing or incorrect", "RAY_AUTH_MODE=token and the token file"),
        ("http://head:8265", "Version check returned 404", "Check --address"),
    ],
)
def test_the_advice_says_how_to_reach_a_dashboard(address: str, reason: str, advice: str) -> None:
    assert advice in ray_address.dashboard_advice(address, reason)
