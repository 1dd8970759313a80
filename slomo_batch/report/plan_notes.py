"""The notes of a plan, each said once. Notes that differ only in numbers count as one; the first is shown."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from slomo_batch.report.plan_row import PlanRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeNotes:
    """A note that videos share."""

    text: str
    uris: tuple[str, ...]
    """Of their sources."""
    is_same: bool
    """False: for the others its numbers differ."""


def alike_notes(rows: Sequence[PlanRow]) -> list[AlikeNotes]:
    """The notes of these videos, those of most videos first."""
    alike: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        for note in row.notes:
            alike[re.sub(r"\d[\d.,:]*", "#", note)].setdefault(row.uri, note)
    found = [
        AlikeNotes(text=next(iter(texts.values())), uris=tuple(texts), is_same=len(set(texts.values())) == 1)
        for texts in alike.values()
    ]
    return sorted(found, key=lambda one: -len(one.uris))
