"""S3Store: objects in a bucket, under a prefix, on AWS or another server with the S3 interface.

`s3_download` reads, `s3_upload` writes files. A write is complete or does not exist. Every body is sent with its MD5
and CRC-32, since some servers check only one of them. put_if_absent reads the object back to learn what it did; it does
not rely on the status code. Fingerprints are ETags without quotes, in `head`, `list` and ranged reads.
"""

import builtins
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from slomo_batch.errors import ObjectChanged, ObjectMissing, StorageBusy
from slomo_batch.storage.keys import checked_key
from slomo_batch.storage.local_errors import storage_error as local_error
from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.s3_download import S3Object, fingerprint_of
from slomo_batch.storage.s3_errors import BOTO_ERRORS, storage_error, translate_errors
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.s3_retries import TRIES, wait_before_retry
from slomo_batch.storage.s3_upload import (
    MULTIPART_FROM_BYTES,
    Condition,
    checksums,
    content_type,
    is_over,
    upload_file,
    upload_parts,
)
from slomo_batch.storage.store import NullUploadLog, ObjectInfo, UploadLog
from slomo_batch.uri import Uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DELETED_AT_ONCE = 1000


class S3Store:
    """Objects of one bucket, below one prefix. Holds no connection, so it may be pickled and forked."""

    def __init__(self, bucket: str, prefix: str, options: S3Options, uploads: UploadLog | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._options = options
        self._uploads = uploads or NullUploadLog()
        self._common: dict[str, Any] = {"Bucket": bucket}
        if options.expected_bucket_owner:
            self._common["ExpectedBucketOwner"] = options.expected_bucket_owner
        if options.requester_pays:
            self._common["RequestPayer"] = "requester"
        self._encryption: dict[str, Any] = {}
        if options.sse_kms_key_id:
            self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": options.sse_kms_key_id}

    @property
    def root(self) -> Uri:
        """s3://bucket/prefix."""
        return Uri(Uri.on_s3(self._bucket, self._prefix).rstrip("/"))

    def uri(self, key: str) -> Uri:
        """URI of an object."""
        return Uri.on_s3(self._bucket, self._prefix + key)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def head(self, key: str) -> ObjectInfo:
        """Describe one object."""
        answer = self._object(key).head()
        return ObjectInfo(key=key, size_bytes=answer["ContentLength"], fingerprint=fingerprint_of(answer))

    def get(self, key: str) -> bytes:
        """Read one object whole."""
        return self._object(key).read()

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, fail if the object changed."""
        return self._object(key).read(start, end, fingerprint) if start < end else b""

    def get_file(self, key: str, path: Path) -> None:
        """Download an object into a file, several ranges at once. A failed download leaves no file."""
        part = path.with_name(f".{uuid4().hex}.part")
        try:
            with part.open("wb") as file:
                self._object(key).download(file.fileno())
            part.replace(path)
        except OSError as error:
            raise local_error(error, str(path)) from error
        finally:
            part.unlink(missing_ok=True)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with prefix; one request per 1,000. Folder markers are skipped.

        In key order on AWS. Some servers order only within each folder, and the folders by their names.
        """
        pages = self._client.get_paginator("list_objects_v2").paginate(**self._common, Prefix=self._prefix + prefix)
        iterator = iter(pages)
        while True:
            with translate_errors(self.uri(prefix)):
                page = next(iterator, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._prefix)
                if key and not key.endswith("/"):
                    yield ObjectInfo(key=key, size_bytes=found["Size"], fingerprint=fingerprint_of(found))

    def folders(self, prefix: str) -> "builtins.list[str]":
        """Names of the common prefixes directly below a prefix that ends in a slash; one request per 1,000."""
        below = self._prefix + prefix
        pages = self._client.get_paginator("list_objects_v2").paginate(**self._common, Prefix=below, Delimiter="/")
        with translate_errors(self.uri(prefix)):
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())]
        return sorted(name.removeprefix(below).rstrip("/") for name in found)

    # ---- writing ---------------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Write one object atomically, replacing an existing one."""
        with translate_errors(self.uri(key)):
            self._client.put_object(**self._new(key), **checksums(data), Body=data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write only if no object exists; read it back to return whether the object now holds `data`."""
        for attempt in range(1, TRIES + 1):
            undecided = self._put_where_absent(key, data)
            with suppress(ObjectMissing):
                return self.get(key) == data
            wait_before_retry(attempt)
        raise StorageBusy(
            "cannot determine whether the object was created",
            where=self.uri(key),
            got=undecided,
            remedy="Try again later.",
        )

    def _put_where_absent(self, key: str, data: bytes) -> str:
        """Send one conditional PUT; return what the store answered.

        "Exists already", a conflict and a lost connection decide nothing: the object may be from our own first try.
        """
        try:
            self._client.put_object(**self._new(key), **checksums(data), Body=data, IfNoneMatch="*")
        except BOTO_ERRORS as error:
            failure = storage_error(error, self.uri(key))
            if isinstance(failure, (StorageBusy, ObjectChanged)):
                return failure.got
            raise failure from error
        return "success, but no object"

    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        """Upload a file atomically, replacing an existing object, or only the one with the fingerprint `over`. Size and
        checksum are checked."""
        target, condition = self._new(key), Condition(over)
        try:
            size_bytes = path.stat().st_size
            with translate_errors(self.uri(key)):
                if size_bytes > MULTIPART_FROM_BYTES:
                    upload_parts(
                        self._client, self._place(key), target, path, uploads=self._uploads, condition=condition
                    )
                else:
                    upload_file(self._client, self._place(key), target, path, condition)
        except OSError as error:
            raise local_error(error, str(path)) from error
        except ObjectMissing as error:  # what AWS answers to If-Match if there is no object
            raise ObjectChanged("the object is gone", where=self.uri(key), expected=over or "") from error
        arrived = self.head(key).size_bytes
        if arrived != size_bytes:
            raise StorageBusy(
                "the uploaded object differs in size from its file",
                where=self.uri(key),
                expected=f"{size_bytes} bytes",
                got=f"{arrived}",
            )

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, 1,000 per request. Missing objects are no error."""
        remaining = (self._place(key)["Key"] for key in keys)
        while group := tuple(islice(remaining, DELETED_AT_ONCE)):
            self._delete(group)

    def _delete(self, full_keys: Iterable[str]) -> None:
        with translate_errors(self.root):
            answer = self._client.delete_objects(
                **self._common, Delete={"Objects": [{"Key": key} for key in full_keys], "Quiet": True}
            )
        for error in answer.get("Errors", ()):
            response: Any = {"Error": error}
            where = Uri.on_s3(self._bucket, error.get("Key", ""))
            failure = storage_error(ClientError(response, "DeleteObjects"), where)
            if not isinstance(failure, ObjectMissing):
                raise failure

    # ---- unfinished uploads ------------------------------------------------------------------------------------------

    def upload_size(self, key: str, token: str) -> int | None:
        """Bytes of the uploaded parts of a multipart upload; None if it was completed or aborted."""
        pages = self._client.get_paginator("list_parts").paginate(**self._place(key), UploadId=token)
        with translate_errors(self.uri(key)):
            try:
                return sum(part["Size"] for page in pages for part in page.get("Parts", ()))
            except ClientError as error:
                if is_over(error):
                    return None
                raise

    def abort(self, key: str, token: str) -> None:
        """Abort a multipart upload. One that was completed or aborted is no error."""
        with translate_errors(self.uri(key)):
            try:
                self._client.abort_multipart_upload(**self._place(key), UploadId=token)
            except ClientError as error:
                if not is_over(error):
                    raise

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield nothing: there are no temporary files on S3."""
        del prefix
        return iter(())

    # ---- requests --------------------------------------------------------------------------------------------------

    @property
    def _client(self) -> "S3Client":
        return s3_client(self._options, self.root)

    def _object(self, key: str) -> S3Object:
        return S3Object(self._client, self._place(key), self.uri(key))

    def _place(self, key: str) -> dict[str, Any]:
        return {**self._common, "Key": self._prefix + checked_key(key, self.root)}

    def _new(self, key: str) -> dict[str, Any]:
        return {**self._place(key), **self._encryption, "ContentType": content_type(key)}
