"""Upload files to S3: a small file in one request, a large one as a multipart upload.

Every body is sent with its MD5 and CRC-32, since some servers check only one of them. A failed upload is aborted by its
own id. A multipart upload is recorded before its first part is sent, so that it can be aborted after the process is
killed.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.storage.s3_parts import PART_BYTES, in_parallel
from slomo_batch.storage.store import Upload, UploadLog
from slomo_batch.uri import Uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MULTIPART_FROM_BYTES = 64 << 20
"""Files above this are uploaded in parts."""
MAX_PARTS = 10_000
READ_BYTES = 1 << 20

CONTENT_TYPES = {
    **{container.suffix: container.content_type for container in CONTAINERS.values()},
    ".m4v": "video/mp4",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
}


def content_type(key: str) -> str:
    """The Content-Type of an object, by its suffix."""
    return CONTENT_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")


def checksums(data: bytes) -> dict[str, Any]:
    """Request parameters that let the server verify a body."""
    return _checksums(hashlib.md5(data, usedforsecurity=False).digest(), zlib.crc32(data))


@dataclass(frozen=True, slots=True)
class Condition:
    """Which object an upload may replace."""

    over: str | None = None
    """The ETag of the only one; empty: none may exist; None: any."""

    def send(self, request: Callable[..., Any], is_there: Callable[[], bool]) -> None:
        """Send the request that makes the object, with the condition.

        `is_there` returns whether the object exists as it was sent: then the answer to an earlier try was lost, or
        another attempt uploaded the same bytes. A server that does not support the condition gets the request without
        it.
        """
        try:
            request(**self._parameters())
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if self.over is not None and code in _UNSUPPORTED:
                request()
            elif self.over is None or code not in {"PreconditionFailed", "NoSuchKey"} or not is_there():
                raise

    def _parameters(self) -> dict[str, str]:
        if self.over is None:
            return {}
        return {"IfMatch": f'"{self.over}"'} if self.over else {"IfNoneMatch": "*"}


_UNSUPPORTED = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest"})
"""What servers answer to a condition that they do not know."""


def upload_file(
    client: "S3Client", place: dict[str, Any], target: dict[str, Any], path: Path, condition: Condition
) -> None:
    """Upload a file with one request; `place` has bucket and key, `target` also the storage options."""
    md5, crc32 = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            md5.update(data)
            crc32 = zlib.crc32(data, crc32)

        def put(**over: str) -> None:
            file.seek(0)
            client.put_object(**target, **_checksums(md5.digest(), crc32), Body=file, **over)  # type: ignore[arg-type]

        condition.send(put, lambda: _has_etag(client, place, path, md5.hexdigest()))


def upload_parts(
    client: "S3Client",
    place: dict[str, Any],
    target: dict[str, Any],
    path: Path,
    *,
    uploads: UploadLog,
    condition: Condition,
) -> None:
    """Upload a file in parts; `place` has bucket and key, `target` also the storage options."""
    created = client.create_multipart_upload(**target, ChecksumAlgorithm="CRC32")
    upload = {**place, "UploadId": created["UploadId"]}
    record = Upload(uri=Uri.on_s3(place["Bucket"], place["Key"]), token=created["UploadId"])
    try:
        uploads.begun(record)
        parts = _send(client, upload, path, path.stat().st_size)
        complete = partial(client.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts})
        condition.send(complete, lambda: _has_etag(client, place, path, _etag_of(parts)))
    except BaseException as error:
        try:
            client.abort_multipart_upload(**upload)
        except (BotoCoreError, ClientError) as fault:
            error.add_note(f"upload {upload['UploadId']} could not be aborted ({type(fault).__name__})")
        else:
            uploads.ended(record)
        raise
    uploads.ended(record)


def _has_etag(client: "S3Client", place: dict[str, Any], path: Path, etag: str) -> bool:
    """Whether the object that exists has this size and ETag. With a KMS key the ETag says nothing of the content."""
    try:
        found = client.head_object(**place)
    except ClientError:
        return False
    is_same = found["ETag"].strip('"') == etag or found.get("ServerSideEncryption", "").startswith("aws:kms")
    return is_same and found["ContentLength"] == path.stat().st_size


def _etag_of(parts: Sequence[Any]) -> str:
    """The ETag of an object that was uploaded in parts: the MD5 of theirs, and their number; "" if they have no MD5."""
    try:
        digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
    except ValueError:
        return ""
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def is_over(error: ClientError) -> bool:
    """Whether the error means that the upload was completed or aborted."""
    return error.response.get("Error", {}).get("Code") == "NoSuchUpload"


def part_size(size_bytes: int) -> int:
    """Bytes per part for a file of this size: whole MiB, few enough parts."""
    needed = -(-size_bytes // MAX_PARTS)
    return max(PART_BYTES, -(-needed // READ_BYTES) * READ_BYTES)


def _send(client: "S3Client", upload: dict[str, Any], path: Path, size_bytes: int) -> Sequence[Any]:
    size = part_size(size_bytes)

    def part(start: int) -> dict[str, Any]:
        number = start // size + 1
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(min(size, size_bytes - start))
        sums = checksums(data)
        answer = client.upload_part(**upload, **sums, PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": sums["ChecksumCRC32"]}

    return in_parallel(part, range(0, size_bytes, size))


def _checksums(md5: bytes, crc32: int) -> dict[str, Any]:
    return {
        "ContentMD5": base64.b64encode(md5).decode(),
        "ChecksumCRC32": base64.b64encode(crc32.to_bytes(4, "big")).decode(),
    }
