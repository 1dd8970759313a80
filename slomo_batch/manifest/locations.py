"""Locations in a manifest: files, folders, tables, weights, and the template of output names."""

import re
from string import Formatter

from pydantic_core import PydanticCustomError

from slomo_batch.interpolators.method import names_weights_file
from slomo_batch.manifest.literal import LiteralLocation
from slomo_batch.manifest.scalars import did_you_mean, invalid, text_of
from slomo_batch.sanitize import is_utf8
from slomo_batch.uri import double_braces, expanded, normalize, split_s3

PLACEHOLDERS = ("relpath", "stem", "name", "ext")
"""Placeholders of an output name: the folder below the input's fixed part, the file name without its suffix, the file
name, and the suffix without its dot."""

TABLE_SUFFIXES = (".parquet", ".pq", ".csv", ".jsonl", ".ndjson", ".json")
"""File suffixes of input tables."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


def location(value: object) -> str:
    """Validate a location of files: s3://bucket/key, file:///path, or a path, relative to the current directory."""
    word = text_of(value)
    if any(ord(character) < 32 for character in word):
        raise invalid(f"{word!r} contains a control character")
    scheme, separator, rest = word.partition("://")
    if not separator:
        return _local_path(word)
    if scheme == "s3":
        return _s3_uri(word)
    if scheme != "file":
        near = did_you_mean(scheme, ("s3", "file"))
        raise invalid(f"unsupported URI scheme {scheme}://; use s3://bucket/key or a local path{near}")
    if not rest.startswith(("/", "localhost/")):
        raise invalid(f"{word!r} has a host name; use file:///folder/name or a local path")
    if "%00" in word:
        raise invalid(f"{word!r} contains a NUL character")
    return word


def location_problem(text: str) -> str:
    """Return what is wrong with a location in a table; "" if it is valid."""
    try:
        location(text)
    except PydanticCustomError as error:
        return error.message()
    return ""


def _local_path(word: str) -> str:
    if word.startswith("s3:"):
        raise invalid(f"invalid S3 URI {word!r}; use s3://bucket/key")
    try:
        expanded(word)
    except RuntimeError:
        raise invalid(
            f"{word!r}: no such user on this machine; use ./~name for a file whose name starts with '~'"
        ) from None
    return word


def _s3_uri(word: str) -> str:
    bucket, key = split_s3(word)
    if not bucket:
        raise invalid(f"{word!r} has no bucket; use s3://bucket/key")
    if not _BUCKET.fullmatch(bucket):
        raise invalid(f"invalid bucket name {bucket!r}; use s3://bucket/key")
    if not is_utf8(word):
        raise invalid(f"{word!r} is not UTF-8, which S3 keys must be")
    if any(part in {".", ".."} for part in key.split("/")):
        raise invalid(f"{word!r} has a folder '.' or '..', which S3 keys cannot have")
    return word


def bucket_name(value: object) -> str:
    """Validate the name of a bucket."""
    word = text_of(value)
    if not _BUCKET.fullmatch(word):
        raise invalid(f"invalid bucket name {word!r}; use the part between s3:// and the next slash")
    return word


def shared_folder(value: object) -> str:
    """Read the absolute path of a folder, without a slash at its end."""
    word = location(value)
    if not word.startswith(("/", "file://")):
        raise invalid(f"{word!r} is not an absolute path; write the one under which every machine sees the folder")
    return normalize(word.rstrip("/") or "/")


def weights(value: object) -> str:
    """Read the name of shipped weights, or the location of a file."""
    word = text_of(value)
    return location(word) if names_weights_file(word) else word


def table(value: object) -> str:
    """Read the location of a table of videos."""
    word = location(value)
    if not word.lower().endswith(TABLE_SUFFIXES):
        raise invalid(f"unsupported table {word!r}; its name must end in one of {', '.join(TABLE_SUFFIXES)}")
    return word


def template(value: object) -> str:
    """Read the template of output names."""
    word = location(value)
    if isinstance(value, LiteralLocation):
        _validate_literal(word, word, ends_open=False)
        return double_braces(word)
    try:
        fields = list(Formatter().parse(word))
    except ValueError:
        raise invalid(f"unmatched brace in {word!r}; write {{{{ and }}}} for literal braces") from None
    for _, name, form, conversion in fields:
        if name is not None and name not in PLACEHOLDERS:
            known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
            raise invalid(f"unknown placeholder {{{name}}}; use one of {known}{did_you_mean(name, PLACEHOLDERS)}")
        if form or conversion:
            raise invalid(f"placeholder {{{name}}} has a format, which is not supported")
    _validate_literal(
        word, "".join(literal for literal, *_ in fields), ends_open=not fields or fields[-1][1] is not None
    )
    return word


def _validate_literal(word: str, literal: str, *, ends_open: bool) -> None:
    if any(character in literal for character in "*?"):
        raise invalid(f"{word!r} contains a wildcard (* or ?), which output names cannot have")
    if not ends_open and word.endswith("/"):
        raise invalid(f"{word!r} is a folder; add a file name")
    bucket, key = split_s3(word)
    if bucket and not key:
        raise invalid(f"{word!r} is a bucket; add a key")
