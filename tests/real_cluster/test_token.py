"""A cluster that requires a token accepts jobs only with that token."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.running import Job, cli, excerpt
from tests.real_cluster.job_cluster import JobCluster, job_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]


@dataclass(frozen=True, kw_only=True)
class Guarded:
    cluster: JobCluster
    token: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    token = tmp_path_factory.mktemp("token") / "auth_token"
    token.write_text(secrets.token_hex(32))
    with job_cluster({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}) as cluster:
        yield Guarded(cluster=cluster, token=token)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    clip = excerpt("bikes", tmp_path / "bikes.mp4", num_frames=12, width=320, height=192)
    return Job(tmp_path / "job", name="guarded").write(
        [str(clip)], interpolate={"method": "blend"}, cluster={"address": "auto"}
    )


@pytest.mark.parametrize(
    "shown", [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of-another-cluster"}]
)
def test_without_the_token_nothing_is_submitted(guarded: Guarded, job: Job, shown: dict[str, str]) -> None:
    refused = cli("submit", str(job.manifest), "--address", guarded.cluster.address, env=shown)
    assert refused.returncode == 3
    assert "token" in refused.stderr
    assert refused.stdout == ""


def test_with_the_token_a_job_is_submitted_and_watched_and_nothing_of_it_is_written(
    guarded: Guarded, job: Job, tmp_path: Path
) -> None:
    shown = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(guarded.token)}
    here = ("--address", guarded.cluster.address)
    done = cli("submit", str(job.manifest), *here, "--follow", env=shown)
    assert done.returncode == 0, done.stderr
    assert "published" in done.stdout
    assert list(job.receipts()) == ["bikes"]
    assert "published" in cli("logs", "guarded", "--address", guarded.cluster.client_address, env=shown).stdout
    assert "has already ended" in cli("cancel", "guarded", *here, env=shown).stderr
    secret = guarded.token.read_bytes()
    written = {path for place in (guarded.cluster.folder, tmp_path) for path in place.rglob("*") if path.is_file()}
    assert any("job-driver-guarded-" in path.name for path in written)
    assert [path for path in written if secret in path.read_bytes()] == []
