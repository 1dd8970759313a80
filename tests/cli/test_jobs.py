"""The commands for clusters, as far as they can be tested without one. tests/real_cluster has the rest."""

import io
import socket
from pathlib import Path

import pytest

from slomo_batch import __version__
from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError
from slomo_batch.uri import Uri
from tests.manifest.manifests import GOOD


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "job.yaml"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def silent_address() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_manifest_comes_in_on_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"version: 7\n")))
    assert main(["run", "-"]) == 2
    assert "unsupported manifest version '7' (supported: 1)" in capsys.readouterr().err


def test_a_run_for_another_version_is_an_error(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", manifest, "--require-version", "999"]) == 3
    assert f"expected 999, got {__version__}" in capsys.readouterr().err


def test_a_log_of_a_submitted_run_is_an_error(
    manifest: str, silent_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", manifest, "--set", f"cluster.address={silent_address}", "--log", "x.log"]) == 2
    assert "--json >> FILE" in capsys.readouterr().err


def test_prewarm_requires_a_cluster(tmp_path: Path) -> None:
    from slomo_batch.scheduler.machines import ClusterSettings, open_machines  # noqa: PLC0415 loads torch
    from slomo_batch.settings import Cluster  # noqa: PLC0415 as above
    from slomo_batch.wiring import JobEnvironment  # noqa: PLC0415 as above

    cluster = ClusterSettings.of(Cluster(address="inline"))
    with (
        pytest.raises(ManifestError, match="--prewarm asks a cluster"),
        open_machines(cluster, JobEnvironment(work_uri=Uri(tmp_path), job="j"), prewarm=2),
    ):
        pass


@pytest.mark.parametrize("command", ["submit", "cancel", "logs"])
def test_without_a_cluster_the_exit_code_is_3(
    command: str,
    manifest: str,
    silent_address: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://192.0.2.1:1")  # the option takes precedence over it
    assert main([command, manifest, "--address", silent_address]) == 3
    said = capsys.readouterr().err
    assert "Ray's job API does not answer" in said
    assert silent_address in said


@pytest.mark.parametrize("command", ["submit", "cancel", "logs"])
def test_a_dashboard_without_http_is_named_with_it(
    command: str, manifest: str, silent_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = silent_address.removeprefix("http://")
    assert main([command, manifest, "--address", bare]) == 3
    assert f"write --address http://{bare}" in capsys.readouterr().err
