"""Close the S3 clients that a test shares with those before it."""

from slomo_batch.storage.s3_client import _CLIENTS


def close_clients() -> None:
    """Close this process's connections; the next call opens new ones."""
    with _CLIENTS.lock:
        _CLIENTS.close()
