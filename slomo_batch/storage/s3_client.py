"""One boto3 client per process and options: threads can share a client, processes cannot.

Threads cannot share a session, so a lock guards the creation of a client. A forked child creates its own clients and
does not use the sockets of its parent.
"""

import atexit
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

from slomo_batch.errors import StoreUnusable
from slomo_batch.storage.s3_errors import check_credentials, redact_secrets, translate_errors
from slomo_batch.storage.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 32
"""Open connections kept for reuse."""
TRIES = 5
"""Maximum requests of one call that meets temporary errors, with back-off (boto3's standard mode)."""
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
METADATA_TRIES = 5
"""Tries to get credentials from the EC2 metadata service; boto3 tries once, which fails daily on many nodes."""
METADATA_TIMEOUT_S = 5
VENDOR_FILE = Path("/sys/class/dmi/id/sys_vendor")
"""Linux: the vendor of this machine."""
DEFAULT_REGION = "us-east-1"
"""Used with a custom endpoint if no region is set: such servers ignore it, but signatures need one."""


class _Clients:
    """The clients of this process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.by_options: dict[S3Options, S3Client] = {}
        self.from_parent: list[dict[S3Options, S3Client]] = []

    def after_fork(self) -> None:
        """Drop the clients of the parent in a forked child, but keep them open: closing them would disturb the
        parent."""
        self.lock = Lock()
        self.from_parent.append(self.by_options)
        self.by_options = {}

    def close(self) -> None:
        """Close all connections."""
        while self.by_options:
            self.by_options.popitem()[1].close()


_CLIENTS = _Clients()
os.register_at_fork(after_in_child=_CLIENTS.after_fork)
atexit.register(_CLIENTS.close)


def s3_client(options: S3Options, where: str) -> "S3Client":
    """This process's client for these options; created at the first call."""
    with _CLIENTS.lock:
        if options not in _CLIENTS.by_options:
            _CLIENTS.by_options[options] = _make(options, where)
        return _CLIENTS.by_options[options]


def _make(options: S3Options, where: str) -> "S3Client":
    try:
        with translate_errors(where):
            session = boto3.session.Session(botocore_session=_core_session(), profile_name=options.profile or None)
            endpoint = options.endpoint_url or _endpoint_from_environment()
            client = session.client(
                "s3",
                endpoint_url=endpoint or None,
                region_name=options.region or session.region_name or (DEFAULT_REGION if endpoint else None),
                config=_config(options, endpoint),
            )
            # Not session.get_credentials(): if there are none, it would search for them a second time.
            signer: Any = vars(client)["_request_signer"]
            credentials = vars(signer)["_credentials"]
            if credentials is None:  # a client never looks for them again: the next call makes another one
                raise NoCredentialsError
            check_credentials(credentials, where)
            return client
    except ValueError as error:
        raise StoreUnusable(
            "invalid endpoint",
            where=where,
            expected="a URL such as https://host:port",
            got=redact_secrets(str(error)),
        ) from error


def _core_session() -> botocore.session.Session:
    """A session that retries the metadata service on an EC2 instance. The environment and ~/.aws/config take
    precedence.

    Elsewhere boto3's short timeout applies: there is no such service, and missing credentials are reported at once.
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
