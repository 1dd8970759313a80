"""Rows of the manifest's tables, validated like the manifest. All problems of a table are reported together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slomo_batch.errors import AccessRefused, ManifestError, ObjectMissing, SlomoError
from slomo_batch.manifest.catalog import CatalogRow, read_catalog
from slomo_batch.manifest.locations import location_problem
from slomo_batch.manifest.output_names import names_folder
from slomo_batch.manifest.row_settings import is_for_row
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.settings import Settings
from slomo_batch.storage.store import Locate
from slomo_batch.uri import Uri

SettingsFor = Callable[[InputSpec, Mapping[str, str]], Settings]
"""Returns the settings of one row of an input.

Raises ManifestError if they are invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a video and its settings."""

    uri: Uri
    written: str
    """The uri as the table has it."""
    settings: Settings | None
    """None if they were not requested."""


def read_rows(spec: InputSpec, locate: Locate, settings_for: SettingsFor | None) -> list[Row]:
    """Read the rows of an input's table.

    Raises:
        ManifestError: the table cannot be read, or a row is invalid.
        StorageError: the store of the table does not respond.
    """
    table = Uri.parse(spec.table)
    store, key = locate(table)
    try:
        data = store.get(key)
    except (ObjectMissing, AccessRefused) as error:
        raise ManifestError(f"the table cannot be read: {_reason(error)}", where=table, remedy=error.remedy) from error
    settings: dict[int, Settings] = {}

    def check(row: CatalogRow) -> Iterator[str]:
        if row.uri:
            yield from _uri_problems(row.uri)
        if settings_for:
            try:
                settings[row.line] = settings_for(spec, {"uri": row.uri, **row.settings})
            except ManifestError as error:
                yield from error.problems

    return [
        Row(uri=Uri.parse(row.uri), written=row.uri, settings=settings.get(row.line))
        for row in read_catalog(data, table, wants=is_for_row, check=check)
    ]


def _uri_problems(uri: str) -> Iterator[str]:
    problem = location_problem(uri)
    if problem:
        yield f"uri: {problem}"
    elif names_folder(uri):
        yield f"uri: {uri!r} is a folder; a row must name one video"


def _reason(error: SlomoError) -> str:
    return f"{error.what}, got {error.got}" if error.got else error.what


def combined(errors: Sequence[ManifestError]) -> ManifestError:
    """Combine the errors of several tables."""
    if len(errors) == 1:
        return errors[0]
    problems = [problem for error in errors for problem in _problems_of(error)]
    return ManifestError(f"{len(errors)} invalid tables", problems=tuple(problems))


def _problems_of(error: ManifestError) -> list[str]:
    return [f"{error.where}: {problem}" for problem in error.problems] or [str(error)]
