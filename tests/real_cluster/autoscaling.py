"""A Ray cluster of this machine with a real autoscaler: nodes are processes that it starts and stops as it sees demand.

Ray's provider for such nodes is loaded as an external one, since the wheel lacks the file that its own test cluster
reads. Only processes of this very cluster are ever signalled.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HEAD_ID = "f" * 51 + "00000"
IDLE_S = 6
READY_WITHIN_S = 240
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine that the autoscaler started: a raylet and its children."""

    raylet: int
    """Process id of the raylet."""
    node_id: str
    kind: str
    """The name of its node type."""

    def processes(self) -> list[psutil.Process]:
        """The raylet and its descendants."""
        with suppress(psutil.NoSuchProcess):
            raylet = psutil.Process(self.raylet)
            return [raylet, *raylet.children(recursive=True)]
        return []

    def workers(self) -> list[psutil.Process]:
        """Processes that make chunks."""
        return [process for process in self.processes() if "ChunkWorker" in _title(process)]

    def signal(self, number: signal.Signals) -> None:
        """Kill the whole machine: the raylet first, before it notices the loss of the others."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill_worker(self) -> None:
        """Kill the process that makes chunks; its machine stays."""
        for process in self.workers():
            with suppress(psutil.NoSuchProcess):
                process.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscalingCluster:
    """A running cluster."""

    address: str
    folder: Path

    def nodes(self) -> list[Node]:
        """The nodes that the autoscaler started, without the head."""
        return [self._node(raylet) for raylet in self._raylets() if "--head" not in _words(raylet)]

    def nodes_with_a_worker(self) -> list[Node]:
        """The nodes on which workers make chunks."""
        return [node for node in self.nodes() if node.workers()]

    def workers_on_the_head(self) -> list[str]:
        """Titles of the busy processes on the head; idle ones that Ray keeps ready do not count."""
        heads = [self._node(raylet) for raylet in self._raylets() if "--head" in _words(raylet)]
        assert len(heads) == 1
        titles = [_title(process) for process in heads[0].processes()]
        return [title for title in titles if "ChunkWorker" in title or "run_task" in title]

    def _node(self, raylet: psutil.Process) -> Node:
        ids = [word.split("=")[1] for word in _words(raylet) if word.startswith("--node_id=")]
        kind = ""
        with suppress(psutil.NoSuchProcess):
            kind = raylet.environ().get("RAY_NODE_TYPE_NAME", "")
        return Node(raylet=raylet.pid, node_id=next(iter(ids), ""), kind=kind)

    def _raylets(self) -> Iterator[psutil.Process]:
        for process in processes_of(self.folder):
            with suppress(psutil.NoSuchProcess):  # a zombie counts as gone
                if process.name() == "raylet" and process.status() != psutil.STATUS_ZOMBIE:
                    yield process


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def _title(process: psutil.Process) -> str:
    return " ".join(_words(process))


@contextmanager
def autoscaling_cluster(
    node_types: Mapping[str, Mapping[str, Any]], env: Mapping[str, str]
) -> Iterator[AutoscalingCluster]:
    """A head that runs no work, and an autoscaler that may start these types of node; all removed afterwards.

    What runs on the nodes sees `env`.
    """
    folder = Path(tempfile.mkdtemp(prefix="sb"))
    ip, port = "127.0.0.1", _free_port()
    config = folder / "autoscaling.json"
    config.write_text(json.dumps(_config(f"{ip}:{port}", node_types)))
    try:
        with (folder / "head.log").open("w") as log:
            head = subprocess.Popen(
                _command(folder, port, config),
                env={**_environment(), **env},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until_ready(head, folder / "head.log")
        yield AutoscalingCluster(address=f"{ip}:{port}", folder=folder)
    finally:
        _end(folder)
        with suppress(UnboundLocalError):
            head.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _config(address: str, node_types: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    head = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    lists = ["initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"]
    lists += ["head_start_ray_commands", "worker_start_ray_commands"]
    lists += ["cluster_synced_files", "rsync_exclude", "rsync_filter"]
    empty: dict[str, Any] = {"auth": {}, "docker": {}, "file_mounts": {}, **{name: [] for name in lists}}
    return {
        **empty,
        "cluster_name": "test",
        "max_workers": 8,
        "provider": {
            "type": "external",
            "module": PROVIDER,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "gcs_address": address,
            "launch_multiple": True,
            "head_node_id": HEAD_ID,
        },
        "available_node_types": {"ray.head.default": head, **node_types},
        "head_node_type": "ray.head.default",
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": IDLE_S / 60,
        "file_mounts_sync_continuously": False,
    }


def _command(folder: Path, port: int, config: Path) -> list[str]:
    return [
        str(Path(sys.executable).parent / "ray"),
        "start",
        "--head",
        "--block",
        "--node-ip-address=127.0.0.1",
        f"--port={port}",
        f"--temp-dir={folder}",
        f"--autoscaling-config={config}",
        "--num-cpus=0",
        "--num-gpus=0",
        f"--object-store-memory={100 << 20}",
        "--include-dashboard=false",
        "--disable-usage-stats",
    ]


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
        "RAY_AUTH_MODE": "disabled",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "RAY_health_check_initial_delay_ms": "0",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "3000",
        "RAY_health_check_failure_threshold": "5",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(head: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while "Ray runtime started" not in log.read_text():
        if head.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the cluster did not start\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def processes_of(folder: Path) -> list[psutil.Process]:
    """The processes of this cluster and their children, found by its folder."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter(["pid", "cmdline"]):
        with suppress(psutil.NoSuchProcess):
            if process.pid != os.getpid() and any(str(folder) in word for word in process.info["cmdline"] or ()):
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    return list(found.values())


def _end(folder: Path) -> None:
    for _ in range(20):
        left = processes_of(folder)
        if not left:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(left, timeout=1)
