"""The names of outputs: the template of `output.uri`, filled in for one source."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from string import Formatter

from slomo_batch.errors import SourceUnsupported
from slomo_batch.manifest.sections import InputSpec

WORK_FOLDER = ".slomo-work"
"""The work place beside the outputs, where the manifest names none."""

MAX_NAME_BYTES = 255
"""Longest name of a file or folder on the disks of Linux."""
MAX_PATH_BYTES = 4095
"""Longest path that Linux takes."""
MAX_KEY_BYTES = 1024
"""Longest key of S3."""
PARTIAL_NAME = f".slomo-{32 * '0'}.part"
"""As long as the name that an output has while it is written, in the folder where it belongs."""

_WILD = re.compile(r"[*?\[]")


def parts_of(template: str) -> list[tuple[str, str]]:
    """The template as literal text, each followed by the name of a placeholder; the last one's name may be empty."""
    return [(literal, field or "") for literal, field, _, _ in Formatter().parse(template)]


def render_output(template: str, *, relpath: str, name: str) -> str:
    """The URI of the output of the source called `name`, in the folder `relpath` below its input's fixed part.

    An empty {relpath} takes the slash that follows it with it.

    Raises:
        SourceUnsupported: the source's name would lead the output out of its place.
    """
    if name in {"", ".", ".."} or any(part in {".", ".."} for part in relpath.split("/")):
        raise SourceUnsupported(
            "the source's name has '.' or '..' for a folder, which an output's name cannot take over",
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
    if _num_dots(rendered) != _num_dots(template):  # a stem may be what a name is not: "...mp4"
        raise SourceUnsupported(
            "the source's name would make a folder '.' or '..' of its output's", where=f"{relpath}/{name}"
        )
    return rendered


def check_length(uri: str) -> None:
    """Check that the URI of an output, s3:// or an absolute path, is not longer than its store takes.

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


def _lengths(uri: str) -> Iterator[tuple[str, int, int]]:
    """What is limited in a URI, its length and the most that it may be, in bytes."""
    if uri.startswith("s3://"):
        yield "key", _num_bytes(uri.removeprefix("s3://").partition("/")[2]), MAX_KEY_BYTES
        return
    yield "name", max(map(_num_bytes, uri.split("/"))), MAX_NAME_BYTES
    partial = f"{uri.rpartition('/')[0]}/{PARTIAL_NAME}"
    yield "path", max(_num_bytes(uri), _num_bytes(partial)), MAX_PATH_BYTES


def _num_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))  # a byte that is no UTF-8 is one character, and replaced by one byte


def _num_dots(path: str) -> int:
    """Folders called "." and ".."."""
    return sum(part in {".", ".."} for part in path.split("/"))


def literal_suffix(template: str) -> str | None:
    """The suffix that every output will have, with its dot; "" for none; None where it depends on the source."""
    parts = parts_of(template)
    literal, field = parts[-1]
    if field in {"name", "ext"}:
        return None
    return "" if field else PurePosixPath("x" + literal.rpartition("/")[2]).suffix


def is_pattern(uri: str) -> bool:
    """Whether a URI stands for all files that match it."""
    return bool(_WILD.search(uri))


def fixed_part(uri: str) -> str:
    """The folder of an input, up to its first wildcard, without a trailing slash; its own folder for a single file.

    Whether a path without wildcards is a file or a folder is not known here: one without a suffix, or with a slash at
    its end, counts as a folder.
    """
    if is_pattern(uri):
        return uri[: _WILD.search(uri).start()].rpartition("/")[0]  # type: ignore[union-attr] # a pattern has one
    return uri.rstrip("/") if looks_like_folder(uri) else uri.rpartition("/")[0]


def looks_like_folder(uri: str) -> bool:
    """Whether a path without wildcards says folder: a slash at its end, no suffix, or a bucket alone."""
    return names_folder(uri) or not PurePosixPath(uri).suffix


def names_folder(uri: str) -> bool:
    """Whether a path can name nothing but a folder: a slash at its end, or a bucket alone."""
    return uri.endswith("/") or (uri.startswith("s3://") and "/" not in uri.removeprefix("s3://"))


def default_work(template: str) -> str:
    """The work place beside the outputs: in the folder that all of them share."""
    literal = parts_of(template)[0][0]
    folder = literal.rpartition("/")[0]
    return f"{folder}/{WORK_FOLDER}" if folder or literal.startswith("/") else WORK_FOLDER


def output_collisions(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """What is wrong with these (source, output) URIs together: one name for two outputs, an output that is a source."""
    by_output: dict[str, str] = {}
    faults: list[str] = []
    known = list(pairs)
    for source, output in known:
        if output in by_output:
            faults.append(f"{output}: would be made of {by_output[output]} and of {source}")
        by_output.setdefault(output, source)
    sources = {source for source, _ in known}
    faults.extend(f"{output}: is itself an input" for output in by_output if output in sources)
    return faults


def relpath_of(spec: InputSpec, source_uri: str, *, fixed: str = "") -> str:
    """The folder of a source below its input's fixed part: what {relpath} stands for.

    `fixed` where the caller knows better than `fixed_part` what is a folder. The rows of a table have no fixed part:
    theirs is the folder in the bucket, or the path as it is written.
    """
    folder = source_uri.rpartition("/")[0]
    if spec.table:
        _, _, key = folder.partition("://")
        return (key.partition("/")[2] if folder.startswith("s3://") else key or folder).strip("/")
    return folder.removeprefix(fixed or fixed_part(spec.uri)).strip("/")
