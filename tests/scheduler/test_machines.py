"""The choice of a job's machines, as far as it needs no running cluster."""

import socket
from pathlib import Path

import pytest

from slomo_batch.errors import ClusterError
from slomo_batch.scheduler.machines import ClusterSettings, open_machines
from slomo_batch.settings import Cluster
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment


def test_an_address_where_nothing_listens_is_reported_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        cluster = ClusterSettings.of(Cluster(address=address))
        environment = JobEnvironment(work_uri=Uri(tmp_path), job="job")
        with pytest.raises(ClusterError, match=r"no Ray cluster answers.*refused"), open_machines(cluster, environment):
            pass
