"""Rows of the manifest's tables, checked like the manifest itself: all faults of a table are reported at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slomo_batch.errors import AccessRefused, ManifestError, ObjectMissing
from slomo_batch.manifest.catalog import CatalogRow, read_catalog
from slomo_batch.manifest.output_names import names_folder
from slomo_batch.manifest.row_settings import is_for_row
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.manifest.values import location_problem
from slomo_batch.settings import Settings
from slomo_batch.storage.location import normalise_uri
from slomo_batch.storage.store import ObjectStore

SettingsFor = Callable[[InputSpec, Mapping[str, str]], Settings]
"""The settings of one row of an input.

Raises ManifestError where they cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One video that a table names."""

    uri: str
    written: str
    """The uri as the table spells it."""
    settings: Settings | None
    """None where nobody asked for them."""


def read_rows(
    spec: InputSpec, locate: Callable[[str], tuple[ObjectStore, str]], settings_for: SettingsFor | None
) -> list[Row]:
    """The rows of an input's table.

    Raises:
        ManifestError: the table, or any of its rows, cannot be used.
        StorageError: the store of the table does not answer.
    """
    table = normalise_uri(spec.table, Path.cwd())
    store, key = locate(table)
    try:
        data = store.get(key)
    except (ObjectMissing, AccessRefused) as error:
        raise ManifestError("the table cannot be read", where=table, remedy=str(error)) from error
    settings: dict[int, Settings] = {}

    def check(row: CatalogRow) -> Iterator[str]:
        yield from _uri_faults(row.uri)
        if settings_for:
            try:
                settings[row.line] = settings_for(spec, {"uri": row.uri, **row.settings})
            except ManifestError as error:
                yield from error.problems

    return [
        Row(uri=normalise_uri(row.uri, Path.cwd()), written=row.uri, settings=settings.get(row.line))
        for row in read_catalog(data, table, wants=is_for_row, check=check)
    ]


def _uri_faults(uri: str) -> Iterator[str]:
    fault = location_problem(uri)
    if fault:
        yield f"uri: {fault}"
    elif names_folder(uri):
        yield f"uri: {uri!r} names a folder; a row names one video"


def combined(errors: Sequence[ManifestError]) -> ManifestError:
    """One error for what is wrong with several tables."""
    if len(errors) == 1:
        return errors[0]
    faults = [fault for error in errors for fault in _problems_of(error)]
    return ManifestError(f"{len(errors)} tables cannot be used", problems=tuple(faults))


def _problems_of(error: ManifestError) -> list[str]:
    return [f"{error.where}: {fault}" for fault in error.problems] or [str(error)]
