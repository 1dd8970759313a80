"""Parse and normalize URIs of S3 objects and local files.

A URI is `s3://bucket/key`, `file:///path` or a path of this machine; nothing else. Credentials are never part of one.
"""

import os.path
from pathlib import Path
from urllib.parse import unquote

from slomo_batch.errors import ManifestError

S3_SCHEME = "s3://"
FILE_SCHEME = "file://"


def is_s3(uri: str) -> bool:
    """Whether a URI names something on S3 (else: on this machine)."""
    return uri.startswith(S3_SCHEME)


def split_uri(uri: str) -> tuple[str, str]:
    """Root URI of the store and key of one object: bucket and key on S3, folder and name on disk."""
    if is_s3(uri):
        bucket, key = split_s3(uri)
        return S3_SCHEME + bucket, key
    path = Path(_local_path(uri))
    return str(path.parent), path.name


def normalize_uri(uri: str, base: Path) -> str:
    """Normalize a URI: s3:// stays as it is, all others become an absolute path, relative paths seen from `base`.

    A trailing slash is kept, since it marks a folder. `~` is the home folder.
    """
    if is_s3(uri):
        split_s3(uri)
        return uri
    absolute = os.path.normpath(_absolute(uri, base))
    return absolute + "/" if uri.endswith("/") and absolute != "/" else absolute


def absolute_template(template: str, base: Path) -> str:
    """Make the template of a URI absolute, before names are filled in: s3:// or an absolute path.

    A "~", a "%2e" or a scheme in a name that is filled in later is then taken literally.
    """
    return template if is_s3(template) else str(_absolute(template, base))


def _absolute(uri: str, base: Path) -> Path:
    try:
        return base.absolute() / Path(_local_path(uri)).expanduser()
    except RuntimeError as error:
        raise ManifestError("cannot determine the home folder", where=uri) from error


def split_s3(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// URI.

    Raises:
        ManifestError: it names no bucket.
    """
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    if not bucket:
        raise ManifestError("the URI has no bucket", where=uri, remedy="Write s3://bucket/key.")
    return bucket, key


def _local_path(uri: str) -> str:
    if uri.startswith(FILE_SCHEME):
        host, _, _ = uri.removeprefix(FILE_SCHEME).partition("/")
        if host not in {"", "localhost"}:
            raise ManifestError("the file: URI names another machine", where=uri, remedy="Write file:///absolute/path.")
        # Bytes that are not UTF-8 become surrogates, as in Python's file names.
        return unquote(uri.removeprefix(FILE_SCHEME).removeprefix(host), errors="surrogateescape")
    scheme, separator, _ = uri.partition("://")
    if separator and scheme.isalnum():
        raise ManifestError(
            f"unsupported URI scheme {scheme}://",
            where=uri,
            remedy="Use s3://bucket/key, file:///path, or a plain path.",
        )
    return uri
