"""Open a store from its root URI."""

from dataclasses import dataclass, field
from pathlib import Path

from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore, UploadLog
from slomo_batch.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpec:
    """Root URI and options of a store; picklable, to open it in any process."""

    uri: Uri
    options: S3Options = field(default_factory=S3Options)


def open_store(spec: StoreSpec, uploads: UploadLog | None = None) -> ObjectStore:
    """Open the store at a root URI. `uploads` records each write that leaves a partial upload if the process is killed.

    This sends no request; `capability.check_access` does.
    """
    if spec.uri.is_local:
        from slomo_batch.storage.local import LocalStore  # noqa: PLC0415 as below

        return LocalStore(Path(spec.uri), uploads)
    from slomo_batch.storage.s3 import S3Store  # noqa: PLC0415 a process that does not use S3 does not load boto3

    return S3Store(spec.uri.bucket, spec.uri.key.strip("/"), spec.options, uploads)
