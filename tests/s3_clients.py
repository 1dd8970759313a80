"""Open stores on the S3 server of the tests, and close the clients that a test shares with those before it."""

from typing import Any

from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_client import _CLIENTS
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.s3_server import S3Server


def open_s3(uri: str, server: S3Server, **changes: Any) -> ObjectStore:
    """The store at this URI of the server, with these options changed."""
    options = {"endpoint_url": server.endpoint, "region": "us-east-1", **changes}
    return open_store(StoreSpec(uri=Uri(uri), options=S3Options(**options)))


def close_clients() -> None:
    """Close this process's connections; the next call opens new ones."""
    with _CLIENTS.lock:
        _CLIENTS.close()
