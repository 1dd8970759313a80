"""Output names: the template `output.uri`, filled in for one source."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from string import Formatter

from slomo_batch.errors import SourceUnsupported
from slomo_batch.uri import Uri, local_path, split_s3

WORK_FOLDER = ".slomo-work"
"""Default work place: a folder beside the outputs."""

MAX_NAME_BYTES = 255
"""Limit of a file or folder name on Linux file systems."""
MAX_PATH_BYTES = 4095
"""Limit of a path on Linux."""
MAX_KEY_BYTES = 1024
"""Limit of an S3 key."""
PARTIAL_NAME = f".slomo-{32 * '0'}.part"
"""Has the length of the temporary name of an output, which is written in its final folder."""

_WILD = re.compile(r"[*?\[]")


def parts_of(template: str) -> list[tuple[str, str]]:
    """Split a template into pairs of literal text and the placeholder after it; "" where none follows."""
    return [(literal, field or "") for literal, field, _, _ in Formatter().parse(template)]


def render_output(template: str, *, relpath: str, name: str) -> str:
    """Return the output URI of the source `name` in the folder `relpath` below its input's fixed part.

    If {relpath} is empty, the slash after it is dropped.

    Raises:
        SourceUnsupported: the output would be outside its folder, because of "." or "..".
    """
    if name in {"", ".", ".."} or any(part in {".", ".."} for part in relpath.split("/")):
        raise SourceUnsupported(
            "the path of the source contains '.' or '..', which the output name cannot contain",
            where=f"{relpath}/{name}",
        )
    path = PurePosixPath(name)
    values = {"relpath": relpath.strip("/"), "stem": path.stem, "name": name, "ext": path.suffix.removeprefix(".")}
    rendered = ""
    swallow = False
    for literal, field in parts_of(template):
        rendered += literal.removeprefix("/") if swallow else literal
        swallow = field == "relpath" and not values["relpath"] and rendered[-1:] in {"", "/"}
        rendered += values[field] if field else ""
    if _num_dots(rendered) != _num_dots(template):  # a stem can be "." or ".." where the name is not: "...mp4"
        raise SourceUnsupported(
            "the name of the source would add '.' or '..' to the path of the output", where=f"{relpath}/{name}"
        )
    return rendered


def check_length(uri: Uri) -> None:
    """Check that the URI of an output is within the limits of its store.

    Raises:
        SourceUnsupported: it is too long.
    """
    for what, num_bytes, limit in _lengths(uri):
        if num_bytes > limit:
            raise SourceUnsupported(
                f"the {what} of the output is too long",
                where=uri,
                expected=f"at most {limit} bytes",
                got=f"{num_bytes}",
                remedy="Shorten output.uri, or rename the source.",
            )


def _lengths(uri: Uri) -> Iterator[tuple[str, int, int]]:
    """Yield each limited part of a URI: its name, its length and its limit, in bytes."""
    if not uri.is_local:
        yield "key", _num_bytes(uri.key), MAX_KEY_BYTES
        return
    yield "name", max(map(_num_bytes, uri.split("/"))), MAX_NAME_BYTES
    partial = f"{uri.rpartition('/')[0]}/{PARTIAL_NAME}"
    yield "path", max(_num_bytes(uri), _num_bytes(partial)), MAX_PATH_BYTES


def _num_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))  # a byte that is not UTF-8 is one character, replaced by one byte


def _num_dots(path: str) -> int:
    """Count the folders "." and ".."."""
    return sum(part in {".", ".."} for part in path.split("/"))


def literal_suffix(template: str) -> str | None:
    """Return the suffix of all outputs, with its dot; "" for none; None if it depends on the source."""
    parts = parts_of(template)
    literal, field = parts[-1]
    if field in {"name", "ext"}:
        return None
    return "" if field else PurePosixPath("x" + literal.rpartition("/")[2]).suffix


def is_pattern(uri: str) -> bool:
    """Return whether an input, as typed, contains wildcards. A percent-encoded character is not one."""
    return bool(_WILD.search(uri))


def looks_like_folder(uri: str) -> bool:
    """Return whether a path without wildcards looks like a folder: a slash at its end, no suffix, or a bucket."""
    return names_folder(uri) or not PurePosixPath(uri).suffix


def names_folder(uri: str) -> bool:
    """Return whether a path can only be a folder: it ends in a slash or is a bucket."""
    bucket, key = split_s3(uri)
    return uri.endswith("/") or bool(bucket and not key)


def default_work(template: str) -> str:
    """Return the default work place: in the folder that all outputs share."""
    literal = parts_of(template)[0][0]
    folder = literal.rpartition("/")[0]
    return f"{folder}/{WORK_FOLDER}" if folder or literal.startswith("/") else WORK_FOLDER


def output_collisions(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return conflicts between (source, output) URIs: two sources with one output, or an output that is a source."""
    by_output: dict[str, str] = {}
    problems: list[str] = []
    known = list(pairs)
    for source, output in known:
        if output in by_output:
            problems.append(f"{output}: is the output of both {by_output[output]} and {source}")
        by_output.setdefault(output, source)
    sources = {source for source, _ in known}
    problems.extend(f"{output}: is also an input" for output in by_output if output in sources)
    return problems


def relpath_of_row(written: str) -> str:
    """Return the value of {relpath} for a table row: the folder in the bucket, or of the path as the table has it.

    The folder "." is left out. The path of a file: URI is decoded, as it is for {name}.
    """
    bucket, key = split_s3(written)
    folder = (key if bucket else local_path(written)).rpartition("/")[0]
    return "/".join(name for name in folder.split("/") if name != ".").strip("/")
