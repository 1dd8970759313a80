"""Download packet archives from the work place, and check every byte before they are used."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slomo_batch.errors import ObjectMissing, SegmentInvalid, WorkDamaged
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import MADE_AGAIN


def _any_note(_: Mapping[str, Any]) -> bool:
    return True


def fetch_archive(
    key: str, path: Path, context: StepContext, *, belongs: Callable[[Mapping[str, Any]], bool] = _any_note
) -> None:
    """Download a packet archive to `path`. `belongs` checks that its note is the expected one.

    Raises:
        WorkDamaged: the archive is missing, damaged or not the expected one. It is deleted; the step that
            stores it must run again.
    """
    where = context.work.uri(key)
    try:
        context.work.get_file(key, path)
        with path.open("rb") as file:
            archive = ArchiveReader(file, where)
            deque(archive, maxlen=0)
    except ObjectMissing as error:
        raise WorkDamaged("this object is missing", where=where, remedy=MADE_AGAIN) from error
    except SegmentInvalid as error:
        context.work.delete([key])
        raise WorkDamaged("this object is damaged", where=where, got=error.what, remedy=MADE_AGAIN) from error
    if not belongs(archive.note):
        context.work.delete([key])
        raise WorkDamaged("this object belongs under another key", where=where, remedy=MADE_AGAIN)
