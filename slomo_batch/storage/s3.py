"""S3Store: objects in a bucket, under a prefix, on AWS or another server with the S3 interface.

A read returns bytes of a single version of the object. It resumes a cut connection by a ranged request with If-Match,
and repeats a request whose answer covers another range or fails its checksum. A write is complete or does not exist.
Every body is sent with its MD5 and CRC-32, since some servers check only one of them. put_if_absent reads the object
back to learn what it did; it does not rely on the status code. Fingerprints are ETags without quotes, in `head`, `list`
and ranged reads.
"""

import builtins
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from slomo_batch.errors import ObjectChanged, ObjectMissing, StorageBusy, StoreUnusable
from slomo_batch.storage.keys import checked_key
from slomo_batch.storage.local_errors import storage_error as local_error
from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.s3_errors import BOTO_ERRORS, CHECKSUM_ERRORS, storage_error, translate_errors
from slomo_batch.storage.s3_options import S3Options
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

READ_BYTES = 1 << 20
PART_BYTES = 16 << 20
"""Size of the ranges of a download."""
PARALLEL = 4
"""Ranges downloaded at once."""
DELETED_AT_ONCE = 1000
TRIES = 6
"""Consecutive tries of a download that return no byte, and tries of a put_if_absent with an undecided result."""
FIRST_WAIT_S = 0.1
"""Doubled at each later try."""
HTTP_PARTIAL_CONTENT = 206
HTTP_RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<size>\d+)")


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
        with translate_errors(self.uri(key)):
            try:
                answer = self._client.head_object(**self._object(key))
            except ClientError as error:
                self._raise_get_error(key)
                raise storage_error(error, self.uri(key)) from error
        return ObjectInfo(key=key, size_bytes=answer["ContentLength"], fingerprint=_fingerprint(answer))

    def get(self, key: str) -> bytes:
        """Read one object whole."""
        return self._read(key, 0, None, "")

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, fail if the object changed."""
        return self._read(key, start, end, fingerprint) if start < end else b""

    def get_file(self, key: str, path: Path) -> None:
        """Download an object into a file, several ranges at once. A failed download leaves no file."""
        part = path.with_name(f".{uuid4().hex}.part")
        try:
            with part.open("wb") as file:
                self._download(key, file.fileno())
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
                    yield ObjectInfo(key=key, size_bytes=found["Size"], fingerprint=_fingerprint(found))

    def folders(self, prefix: str) -> "builtins.list[str]":
        """Names of the common prefixes directly below a prefix that ends in a slash; one request per 1,000."""
        below = self._prefix + prefix
        pages = self._client.get_paginator("list_objects_v2").paginate(**self._common, Prefix=below, Delimiter="/")
        with translate_errors(self.uri(prefix)):
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())]
        return sorted(name.removeprefix(below).rstrip("/") for name in found)

    def _raise_get_error(self, key: str) -> None:
        """Raise the error of a GET: an error of HEAD has no body, so a missing key and a missing bucket look alike."""
        try:
            self._client.get_object(**self._object(key), Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            if _status(error.response) != HTTP_RANGE_NOT_SATISFIABLE:
                raise

    def _download(self, key: str, descriptor: int) -> None:
        """Write the object into a file. The answer to the first range says how large the object is."""
        first = self._open(key, 0, PART_BYTES, "")
        if first is None:
            return
        size, fingerprint = self._whole_size(key, first), _fingerprint(first)

        def part(start: int) -> None:
            position, end = start, min(start + PART_BYTES, size)
            for data in self._stream(key, start, end, fingerprint, answer=first if start == 0 else None):
                os.pwrite(descriptor, data, position)
                position += len(data)
            if position != end:
                raise StorageBusy(
                    "the download is incomplete", where=self.uri(key), expected=f"{end} bytes", got=f"{position}"
                )

        _in_parallel(part, range(0, size, PART_BYTES))

    def _whole_size(self, key: str, answer: Mapping[str, Any]) -> int:
        """Size in bytes of the object of which an answer has the first range."""
        content_range = _CONTENT_RANGE.fullmatch(str(answer.get("ContentRange", "")))
        if content_range is not None:
            return int(content_range["size"])
        is_partial = _status(answer) == HTTP_PARTIAL_CONTENT
        return self.head(key).size_bytes if is_partial else int(answer["ContentLength"])

    def _read(self, key: str, start: int, end: int | None, fingerprint: str) -> bytes:
        """Return bytes [start, end) of one object, and read them again if the checksum does not match."""
        for attempt in range(1, TRIES):
            try:
                return b"".join(self._stream(key, start, end, fingerprint))
            except StorageBusy as busy:
                if not isinstance(busy.__cause__, CHECKSUM_ERRORS):
                    raise
            _wait(attempt)
        return b"".join(self._stream(key, start, end, fingerprint))

    def _stream(
        self, key: str, start: int, end: int | None, fingerprint: str, *, answer: Mapping[str, Any] | None = None
    ) -> Iterator[bytes]:
        """Yield bytes [start, end) of one object as they arrive, and resume after a cut connection. With `answer`, the
        request for them is sent already."""
        position, misses = start, 0
        while True:
            answer = answer or self._open(key, position, end, fingerprint)
            if answer is None:
                return
            fingerprint, complete = _fingerprint(answer), position + int(answer["ContentLength"])
            try:
                self._check_range(key, answer, position, end)
                for data in self._body(key, answer):
                    position, misses = position + len(data), 0
                    yield data
            except StorageBusy:
                misses += 1
                if misses == TRIES or position == complete:  # a complete body that fails is damaged, not cut off
                    raise
                answer = None
                _wait(misses)
            else:
                return

    def _body(self, key: str, answer: Mapping[str, Any]) -> Iterator[bytes]:
        with closing(answer["Body"]) as body:
            while True:
                with translate_errors(self.uri(key)):
                    data = body.read(READ_BYTES)
                if not data:
                    return
                yield data

    def _open(self, key: str, start: int, end: int | None, fingerprint: str) -> Mapping[str, Any] | None:
        """Send a GET whose body starts at `start`; None if the object ends before that."""
        whole = start == 0 and end is None
        wanted: dict[str, Any] = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        condition: dict[str, Any] = {"IfMatch": f'"{fingerprint}"'} if fingerprint else {}
        try:
            answer = self._client.get_object(**self._object(key), **wanted, **condition)
        except BOTO_ERRORS as error:
            if isinstance(error, ClientError) and _status(error.response) == HTTP_RANGE_NOT_SATISFIABLE:
                self._check_fingerprint(key, fingerprint)
                return None
            failure = storage_error(error, self.uri(key))
            if isinstance(failure, ObjectChanged):
                self._check_fingerprint(key, fingerprint)
            raise failure from error
        self._check_answer(key, answer, start, end, fingerprint)
        return answer

    def _check_answer(self, key: str, answer: Any, start: int, end: int | None, fingerprint: str) -> None:
        """Raise if the answer is of another object or range than requested: some servers ignore If-Match or Range."""
        got = _fingerprint(answer)
        fault: Exception | None = None
        if fingerprint and got != fingerprint:
            fault = ObjectChanged("the object changed", where=self.uri(key), expected=fingerprint, got=got)
        excess = start > 0 or (end is not None and answer["ContentLength"] > end)
        if _status(answer) != HTTP_PARTIAL_CONTENT and excess:
            fault = StoreUnusable(
                "the store ignores ranged reads",
                where=self.root,
                remedy="Use a store that supports Range as AWS S3 does.",
            )
        if fault is not None:
            answer["Body"].close()
            raise fault

    def _check_range(self, key: str, answer: Mapping[str, Any], start: int, end: int | None) -> None:
        """Raise if a partial answer does not cover the requested range, up to the object's end.

        Raises:
            StorageBusy: a proxy shortened the answer; the same request may succeed.
        """
        content_range = _CONTENT_RANGE.fullmatch(str(answer.get("ContentRange", "")))
        if content_range is None:
            return
        first, size = int(content_range["first"]), int(content_range["size"])
        expected = (start, size if end is None else min(end, size))
        got = (first, first + int(answer["ContentLength"]))
        if got != expected:
            answer["Body"].close()
            raise StorageBusy(
                "the store returned another range than requested",
                where=self.uri(key),
                expected="bytes {} to {}".format(*expected),
                got="{} to {}".format(*got),
            )

    def _check_fingerprint(self, key: str, fingerprint: str) -> None:
        """Raise ObjectChanged if the object has another fingerprint."""
        got = self.head(key).fingerprint
        if fingerprint not in {"", got}:
            raise ObjectChanged("the object changed", where=self.uri(key), expected=fingerprint, got=got)

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
            _wait(attempt)
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
                        self._client, self._object(key), target, path, uploads=self._uploads, condition=condition
                    )
                else:
                    upload_file(self._client, self._object(key), target, path, condition)
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
        remaining = (self._object(key)["Key"] for key in keys)
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
        pages = self._client.get_paginator("list_parts").paginate(**self._object(key), UploadId=token)
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
                self._client.abort_multipart_upload(**self._object(key), UploadId=token)
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

    def _object(self, key: str) -> dict[str, Any]:
        return {**self._common, "Key": self._prefix + checked_key(key, self.root)}

    def _new(self, key: str) -> dict[str, Any]:
        return {**self._object(key), **self._encryption, "ContentType": content_type(key)}


def _fingerprint(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ETag", "")).strip('"')


def _status(answer: Mapping[str, Any]) -> int:
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _wait(attempt: int) -> None:
    """Wait before a retry: exponential back-off with jitter."""
    time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 not a secret


def _in_parallel(work: Callable[[int], None], starts: Iterable[int]) -> None:
    """Call `work` for every start, a few at a time. The first error cancels those not started."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        running = [pool.submit(work, start) for start in starts]
        try:
            for one in running:
                one.result()
        finally:
            for one in running:
                one.cancel()
