"""Read one object of S3: its description, a range of its bytes, or all of it into a file.

A read returns bytes of a single version of the object. It resumes a cut connection by a ranged request with If-Match,
and repeats a request whose answer covers another range or fails its checksum.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slomo_batch.errors import ObjectChanged, StorageBusy, StoreUnusable
from slomo_batch.storage.s3_errors import BOTO_ERRORS, CHECKSUM_ERRORS, storage_error, translate_errors
from slomo_batch.storage.s3_parts import PART_BYTES, in_parallel
from slomo_batch.storage.s3_retries import TRIES, wait_before_retry
from slomo_batch.uri import Uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

READ_BYTES = 1 << 20
HTTP_PARTIAL_CONTENT = 206
HTTP_RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<size>\d+)")


class S3Object:
    """One object, to be read. It may not exist."""

    def __init__(self, client: "S3Client", place: dict[str, Any], where: Uri) -> None:
        """`place` has bucket and key, and the options that every request has; `where` is the object's URI."""
        self._client, self._place, self._where = client, place, where

    def head(self) -> "HeadObjectOutputTypeDef":
        """The answer to a HEAD, which has size and fingerprint."""
        with translate_errors(self._where):
            try:
                return self._client.head_object(**self._place)
            except ClientError as error:
                self._raise_get_error()
                raise storage_error(error, self._where) from error

    def read(self, start: int = 0, end: int | None = None, fingerprint: str = "") -> bytes:
        """Return bytes [start, end) of the object, and read them again if the checksum does not match."""
        for attempt in range(1, TRIES):
            try:
                return b"".join(self._stream(start, end, fingerprint))
            except StorageBusy as busy:
                if not isinstance(busy.__cause__, CHECKSUM_ERRORS):
                    raise
            wait_before_retry(attempt)
        return b"".join(self._stream(start, end, fingerprint))

    def download(self, descriptor: int) -> None:
        """Write the object into an empty file, several ranges at once.

        The answer to the first range says how large the object is.
        """
        first = self._open(0, PART_BYTES, "")
        if first is None:
            return
        size, fingerprint = self._whole_size(first), fingerprint_of(first)

        def part(start: int) -> None:
            position, end = start, min(start + PART_BYTES, size)
            for data in self._stream(start, end, fingerprint, answer=first if start == 0 else None):
                os.pwrite(descriptor, data, position)
                position += len(data)
            if position != end:
                raise StorageBusy(
                    "the download is incomplete", where=self._where, expected=f"{end} bytes", got=f"{position}"
                )

        in_parallel(part, range(0, size, PART_BYTES))

    def _whole_size(self, answer: Mapping[str, Any]) -> int:
        """Size in bytes of the object of which an answer has the first range."""
        content_range = _CONTENT_RANGE.fullmatch(str(answer.get("ContentRange", "")))
        if content_range is not None:
            return int(content_range["size"])
        is_partial = status_of(answer) == HTTP_PARTIAL_CONTENT
        return int((self.head() if is_partial else answer)["ContentLength"])

    def _stream(
        self, start: int, end: int | None, fingerprint: str, *, answer: Mapping[str, Any] | None = None
    ) -> Iterator[bytes]:
        """Yield bytes [start, end) of the object as they arrive, and resume after a cut connection. With `answer`, the
        request for them is sent already."""
        position, misses = start, 0
        while True:
            answer = answer or self._open(position, end, fingerprint)
            if answer is None:
                return
            fingerprint, complete = fingerprint_of(answer), position + int(answer["ContentLength"])
            try:
                self._check_range(answer, position, end)
                for data in self._body(answer):
                    position, misses = position + len(data), 0
                    yield data
            except StorageBusy:
                misses += 1
                if misses == TRIES or position == complete:  # a complete body that fails is damaged, not cut off
                    raise
                answer = None
                wait_before_retry(misses)
            else:
                return

    def _body(self, answer: Mapping[str, Any]) -> Iterator[bytes]:
        with closing(answer["Body"]) as body:
            while True:
                with translate_errors(self._where):
                    data = body.read(READ_BYTES)
                if not data:
                    return
                yield data

    def _open(self, start: int, end: int | None, fingerprint: str) -> Mapping[str, Any] | None:
        """Send a GET whose body starts at `start`; None if the object ends before that."""
        whole = start == 0 and end is None
        wanted: dict[str, Any] = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        condition: dict[str, Any] = {"IfMatch": f'"{fingerprint}"'} if fingerprint else {}
        try:
            answer = self._client.get_object(**self._place, **wanted, **condition)
        except BOTO_ERRORS as error:
            if isinstance(error, ClientError) and status_of(error.response) == HTTP_RANGE_NOT_SATISFIABLE:
                self._check_fingerprint(fingerprint)
                return None
            failure = storage_error(error, self._where)
            if isinstance(failure, ObjectChanged):
                self._check_fingerprint(fingerprint)
            raise failure from error
        self._check_answer(answer, start, end, fingerprint)
        return answer

    def _check_answer(self, answer: Any, start: int, end: int | None, fingerprint: str) -> None:
        """Raise if the answer is of another object or range than requested: some servers ignore If-Match or Range."""
        got = fingerprint_of(answer)
        fault: Exception | None = None
        if fingerprint and got != fingerprint:
            fault = ObjectChanged("the object changed", where=self._where, expected=fingerprint, got=got)
        excess = start > 0 or (end is not None and answer["ContentLength"] > end)
        if status_of(answer) != HTTP_PARTIAL_CONTENT and excess:
            fault = StoreUnusable(
                "the store ignores ranged reads",
                where=self._where,
                remedy="Use a store that supports Range as AWS S3 does.",
            )
        if fault is not None:
            answer["Body"].close()
            raise fault

    def _check_range(self, answer: Mapping[str, Any], start: int, end: int | None) -> None:
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
                where=self._where,
                expected="bytes {} to {}".format(*expected),
                got="{} to {}".format(*got),
            )

    def _check_fingerprint(self, fingerprint: str) -> None:
        """Raise ObjectChanged if the object has another fingerprint."""
        got = fingerprint_of(self.head())
        if fingerprint not in {"", got}:
            raise ObjectChanged("the object changed", where=self._where, expected=fingerprint, got=got)

    def _raise_get_error(self) -> None:
        """Raise the error of a GET: an error of HEAD has no body, so a missing key and a missing bucket look alike."""
        try:
            self._client.get_object(**self._place, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            if status_of(error.response) != HTTP_RANGE_NOT_SATISFIABLE:
                raise


def fingerprint_of(answer: Mapping[str, Any]) -> str:
    """The ETag without quotes, in an answer or a listing."""
    return str(answer.get("ETag", "")).strip('"')


def status_of(answer: Mapping[str, Any]) -> int:
    """The HTTP status of an answer; 0 if it has none."""
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
