"""Open a store from its root URI, in whichever process needs it."""

from dataclasses import dataclass, field
from pathlib import Path

from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore, UploadLog
from slomo_batch.storage.uris import is_s3, normalize_uri, split_s3


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpec:
    """A store by its root URI; picklable, opened in whichever process needs it."""

    uri: str
    options: S3Options = field(default_factory=S3Options)


def open_store(spec: StoreSpec, uploads: UploadLog | None = None) -> ObjectStore:
    """The store of a root URI; `uploads` hears of every write that a kill could cut off and leave traces of.

    Nothing is asked of it yet: `capability.check_access` does that.
    """
    if is_s3(spec.uri):
        from slomo_batch.storage.s3 import S3Store  # noqa: PLC0415 a process that has no use for S3 never loads boto3

        bucket, key = split_s3(spec.uri)
        return S3Store(bucket, key.strip("/"), spec.options, uploads)
    from slomo_batch.storage.local import LocalStore  # noqa: PLC0415 as above

    return LocalStore(Path(normalize_uri(spec.uri, Path.cwd())), uploads)
