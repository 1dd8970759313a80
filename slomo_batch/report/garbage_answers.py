"""The answer of gc, for a person or as JSON."""

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from slomo_batch.report.units import size
from slomo_batch.sanitize import json_line, one_line

_KINDS = {"published videos": "intermediate files of published videos"}
"""What a person reads about a kind of objects."""


def show_garbage(
    kinds: Sequence[tuple[str, int, int]], *, deleted: bool, as_json: bool, stream: TextIO = sys.stdout
) -> None:
    """Show what `gc` found: kind, number of objects, bytes."""
    if as_json:
        records = [{"kind": kind, "objects": number, "size_bytes": size_bytes} for kind, number, size_bytes in kinds]
        _print(map(json_line, records), stream)
        return
    lines = [f"{_KINDS.get(kind, kind)}: {number:,} objects, {size(size_bytes)}" for kind, number, size_bytes in kinds]
    end = "deleted" if deleted else "dry run: nothing was deleted; add --delete to delete these objects"
    _print([*lines, end if kinds else "nothing to delete"], stream)


def _print(lines: Iterable[str], stream: TextIO) -> None:
    for line in lines:
        print(one_line(line), file=stream)
