"""One boto3 client per process and set of options: clients are safe to share between threads, not between processes.

Sessions are not safe to share at all, so making a client is done under a lock. A forked child makes clients of its own
and leaves the sockets it inherited alone.
"""

import atexit
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from slomo_batch.errors import StoreUnusable
from slomo_batch.storage.s3_errors import check_credentials, redact_secrets, translate_errors
from slomo_batch.storage.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 32
"""Open connections kept for reuse."""
TRIES = 5
"""Requests sent for one call that meets passing failures, with growing waits in between (boto3's standard mode)."""
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
METADATA_TRIES = 5
"""Times an EC2 instance asks its metadata service for credentials; boto3 asks once, which fails daily on many nodes."""
METADATA_TIMEOUT_S = 5
VENDOR_FILE = Path("/sys/class/dmi/id/sys_vendor")
"""Linux: who made this machine."""
DEFAULT_REGION = "us-east-1"
"""Used with an endpoint of one's own where nothing names a region: such servers ignore it, signatures need one."""


class _Clients:
    """The clients of this process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.by_options: dict[S3Options, S3Client] = {}
        self.inherited: list[dict[S3Options, S3Client]] = []

    def after_fork(self) -> None:
        """Start anew in a child; what was inherited is kept unused, for closing it would disturb the parent."""
        self.lock = Lock()
        self.inherited.append(self.by_options)
        self.by_options = {}

    def close(self) -> None:
        """Close all connections."""
        while self.by_options:
            self.by_options.popitem()[1].close()


_CLIENTS = _Clients()
os.register_at_fork(after_in_child=_CLIENTS.after_fork)
atexit.register(_CLIENTS.close)


def s3_client(options: S3Options, where: str) -> "S3Client":
    """This process's client for these options; made at the first call."""
    with _CLIENTS.lock:
        if options not in _CLIENTS.by_options:
            _CLIENTS.by_options[options] = _make(options, where)
        return _CLIENTS.by_options[options]


def _make(options: S3Options, where: str) -> "S3Client":
    try:
        with translate_errors(where):
            session = boto3.session.Session(botocore_session=_core_session())
            endpoint = options.endpoint_url or _endpoint_from_environment()
            client = session.client(
                "s3",
                endpoint_url=endpoint or None,
                region_name=options.region or session.region_name or (DEFAULT_REGION if endpoint else None),
                config=_config(options, endpoint),
            )
            # Not session.get_credentials(): where there are none, it would look for them a second time.
            signer: Any = vars(client)["_request_signer"]
            check_credentials(vars(signer)["_credentials"], where)
            return client
    except ValueError as error:
        raise StoreUnusable(
            "this endpoint cannot be used",
            where=where,
            expected="a URL such as https://host:port",
            got=redact_secrets(str(error)),
        ) from error


def _core_session() -> botocore.session.Session:
    """A session that is patient with the metadata service of an EC2 instance; the environment and ~/.aws/config win.

    Elsewhere boto3's own short wait stays: no such service answers there, and missing credentials are reported at once.
    """
    session = botocore.session.get_session()
    if _is_ec2_instance():
        variables = session.session_var_map
        for name, default in {
            "metadata_service_num_attempts": METADATA_TRIES,
            "metadata_service_timeout": METADATA_TIMEOUT_S,
        }.items():
            variables[name] = (name, f"AWS_{name.upper()}", default, int)
    return session


def _is_ec2_instance() -> bool:
    try:
        return VENDOR_FILE.read_text().strip() == "Amazon EC2"
    except OSError:
        return False


def _endpoint_from_environment() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _config(options: S3Options, endpoint: str) -> Config:
    path_style = options.addressing_style == "path" or endpoint
    return Config(
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": TRIES},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path" if path_style else "auto"},
    )
