"""Settings of all tests: no spinning threads, deadlines, cloud metadata or credentials of the user.

Tests run in two processes at once. A file's tests stay together, for their fixtures. Files with tests that start a Ray
(marker `ray`) go first, since they take longest.
"""

import atexit
import os
import shutil
import tempfile

# Set before the imports below, which read them.
os.environ.update(
    RAY_AUTH_MODE="disabled",
    RAY_USAGE_STATS_ENABLED="0",
    OMP_WAIT_POLICY="PASSIVE",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    XDG_STATE_HOME=tempfile.mkdtemp(prefix="slomo-state-"),
)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # each of the processes that share the machine has a core of its own
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)

from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from tests.s3_server import S3Server, serving  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files in which a test starts a Ray."""
    first = {item.path for item in items if item.get_closest_marker("ray")}
    items.sort(key=lambda item: item.path not in first)


# No test depends on speed or luck: an example may take as long as the machine is busy; the same ones come each time.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None)  # pytest --hypothesis-profile exploring: new examples each time
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A running S3 server, whose credentials are in this process's environment."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield server
