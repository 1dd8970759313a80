"""A Ray cluster of one machine that takes jobs: `ray start --head` with its dashboard, as a person starts it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.real_cluster.autoscaling import READY_WITHIN_S, _end, _free_port, _wait_until_ready

NUM_CPUS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCluster:
    """A running cluster."""

    address: str
    """Address of its dashboard."""
    client_address: str
    """Address of its server for Ray clients: ray://..."""
    gcs_address: str
    folder: Path
    """The folder of its files."""


def free_ports() -> dict[str, int]:
    """Ports for the servers of a head."""
    return {name: _free_port() for name in ("gcs", "dashboard", "client", "agent")}


@contextmanager
def job_cluster(
    env: Mapping[str, str], *, num_cpus: int = NUM_CPUS, ports: Mapping[str, int] | None = None
) -> Iterator[JobCluster]:
    """A head that takes jobs, and runs work itself if it has CPUs; removed afterwards.

    Its processes get `env`, and no credentials. It listens on `ports`, or else on free ones.
    """
    folder = Path(tempfile.mkdtemp(prefix="sb"))
    ports = ports or free_ports()
    bin_folder = Path(sys.executable).parent
    kept_env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAY_"))}
    command = [
        *(str(bin_folder / "ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1"),
        *(f"--port={ports['gcs']}", f"--ray-client-server-port={ports['client']}", f"--temp-dir={folder}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={ports['dashboard']}"),
        *(f"--dashboard-agent-listen-port={ports['agent']}", "--disable-usage-stats"),
        *(f"--num-cpus={num_cpus}", "--num-gpus=0", f"--object-store-memory={100 << 20}"),
    ]
    head_env = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "GRPC_ENABLE_FORK_SUPPORT": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(READY_WITHIN_S),
    }
    try:
        head = _started(command, {**kept_env, **head_env, **env}, folder)
        yield JobCluster(
            address=f"http://127.0.0.1:{ports['dashboard']}",
            client_address=f"ray://127.0.0.1:{ports['client']}",
            gcs_address=f"127.0.0.1:{ports['gcs']}",
            folder=folder,
        )
    finally:
        _end(folder)
        with suppress(UnboundLocalError):
            head.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _started(command: Sequence[str], env: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    """The head, up: on a machine that is busy, Ray itself gives up after half a minute, and is asked again."""
    for tries_left in reversed(range(5)):
        with (folder / "head.log").open("w") as log:
            head = subprocess.Popen(command, env=dict(env), stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_until_ready(head, folder / "head.log")
        except RuntimeError:
            _end(folder)
            head.wait(10)
            if not tries_left:
                raise
        else:
            break
    return head
