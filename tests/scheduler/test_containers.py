"""Two containers with the same host name are two machines: a process of one is not visible in the other."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from slomo_batch.errors import JobTaken
from slomo_batch.scheduler.leases import DriverLease
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.work_layout import Layout

LAYOUT = Layout("job")
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
"""A command prefix: its process sees only its own processes, as in a container, and shares the host name."""
LEADING = f"""
import sys
from pathlib import Path
from slomo_batch.scheduler import leases
from slomo_batch.storage.work_layout import Layout
from slomo_batch.storage.local import LocalStore
leases.BEAT_S = 0.05
with leases.DriverLease(LocalStore(Path(sys.argv[1])), Layout({LAYOUT.name!r})):
    print("leads", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def leader(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A driver that leads the job, in its own container."""
    if subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system does not allow new PID namespaces")
    command = [*CONTAINER, sys.executable, "-c", LEADING, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "leads\n"
        yield process
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(60)
        process.stdout.close()


def test_a_live_driver_in_another_container_keeps_its_job(leader: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert leader.poll() is None
    store = LocalStore(tmp_path)
    with pytest.raises(JobTaken), DriverLease(store, LAYOUT, wait=lambda _: time.sleep(0.5)):
        pass
