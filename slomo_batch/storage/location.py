"""Where things are: what a URI of the manifest means, and the store behind it.

A URI is `s3://bucket/key`, `file:///path` or a path of this machine; nothing else. Credentials are never part of one.
"""

import os.path
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from slomo_batch.errors import ManifestError
from slomo_batch.storage.store import ObjectStore, UploadLog

S3_SCHEME = "s3://"
FILE_SCHEME = "file://"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How S3 is spoken to. Credentials come the ordinary boto3 way: environment, profile, instance role."""

    endpoint_url: str = ""
    """http(s) URL of an S3 server that is not AWS; empty: AWS, or AWS_ENDPOINT_URL."""
    region: str = ""
    """Empty: as the AWS configuration says."""
    sse_kms_key_id: str = ""
    """KMS key that every object written is encrypted with; empty: as the bucket says."""
    expected_bucket_owner: str = ""
    """AWS account the bucket must belong to; empty: not checked."""
    requester_pays: bool = False
    """Agree to pay for reading buckets that ask it."""
    addressing_style: Literal["auto", "path"] = "auto"
    """path: bucket in the path, as most servers other than AWS want; auto: path with an endpoint_url, else as AWS
    does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpec:
    """A store by its root URI; picklable, opened in whichever process needs it."""

    uri: str
    options: S3Options = field(default_factory=S3Options)


def open_store(spec: StoreSpec, uploads: UploadLog | None = None) -> ObjectStore:
    """The store of a root URI; `uploads` hears of every write that a kill could cut off and leave traces of.

    Nothing is asked of it yet: `capability.prove_access` does that.
    """
    if is_s3(spec.uri):
        from slomo_batch.storage.s3 import S3Store  # noqa: PLC0415 a process that has no use for S3 never loads boto3

        bucket, key = _split_s3(spec.uri)
        return S3Store(bucket, key.strip("/"), spec.options, uploads)
    from slomo_batch.storage.local import LocalStore  # noqa: PLC0415 as above

    return LocalStore(Path(normalise_uri(spec.uri, Path.cwd())), uploads)


def is_s3(uri: str) -> bool:
    """Whether a URI names something on S3 (else: on this machine)."""
    return uri.startswith(S3_SCHEME)


def split_uri(uri: str) -> tuple[str, str]:
    """Root URI of the store and key of one object: bucket and key on S3, folder and name on disk."""
    if is_s3(uri):
        bucket, key = _split_s3(uri)
        return S3_SCHEME + bucket, key
    path = Path(_local_path(uri))
    return str(path.parent), path.name


def normalise_uri(uri: str, base: Path) -> str:
    """The one spelling of a URI: s3:// as it is, all others as the absolute path seen from `base`.

    A trailing slash stays: it says "folder". `~` is the home folder.
    """
    if is_s3(uri):
        _split_s3(uri)
        return uri
    absolute = os.path.normpath(_absolute(uri, base))
    return absolute + "/" if uri.endswith("/") and absolute != "/" else absolute


def rooted(template: str, base: Path) -> str:
    """The template of a URI as one that begins with its place, for names to be filled in: s3:// or an absolute path.

    What is a "~", a "%2e" or a scheme in a name that is filled in afterwards is then no more than letters of it.
    """
    return template if is_s3(template) else str(_absolute(template, base))


def _absolute(uri: str, base: Path) -> Path:
    try:
        return base.absolute() / Path(_local_path(uri)).expanduser()
    except RuntimeError as error:
        raise ManifestError("whose home folder this is cannot be told", where=uri) from error


def _split_s3(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    if not bucket:
        raise ManifestError("no bucket in this URI", where=uri, remedy="Write s3://bucket/key.")
    return bucket, key


def _local_path(uri: str) -> str:
    if uri.startswith(FILE_SCHEME):
        host, _, _ = uri.removeprefix(FILE_SCHEME).partition("/")
        if host not in {"", "localhost"}:
            raise ManifestError("a file: URI of another machine", where=uri, remedy="Write file:///absolute/path.")
        # Bytes that are not UTF-8 become what Python has for them in names of files.
        return unquote(uri.removeprefix(FILE_SCHEME).removeprefix(host), errors="surrogateescape")
    scheme, separator, _ = uri.partition("://")
    if separator and scheme.isalnum():
        raise ManifestError(
            f"no store speaks {scheme}://", where=uri, remedy="Use s3://bucket/key, file:///path, or a plain path."
        )
    return uri
