"""Columns of text that fit a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from slomo_batch.sanitize import one_line

GAP = 2
"""Spaces between columns."""
_LEAST_NAME = 16
"""Columns of the terminal to which a name may shrink."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and a cell per row."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    """Where lines are too long, columns are left out, that of the highest rank first; those of rank 0 stay."""
    is_number: bool = False
    """Whether cells end at the same place."""
    shrinks: bool = False
    """Whether long cells are cut at their beginning, where lines are too long."""

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return max(cell_len(one_line(cell)) for cell in (self.title, *self.cells))


def aligned(columns: Sequence[Column], width: int | None) -> list[str]:
    """The lines of these columns, the titles first, at most `width` wide if possible. Empty columns are left out."""
    kept = [column for column in columns if any(column.cells)]
    widths = {column.title: column.width for column in kept}
    if width is not None:
        while _total(widths) - _slack(kept, widths) > width and any(column.rank for column in kept):
            kept.remove(max(kept, key=lambda column: column.rank))
            widths = {column.title: column.width for column in kept}
        for column in kept:
            if column.shrinks:
                excess = max(0, _total(widths) - width)
                widths[column.title] = max(min(_LEAST_NAME, column.width), column.width - excess)
    rows = zip(*([column.title, *column.cells] for column in kept), strict=True)
    return [_line(kept, row, widths) for row in rows]


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _slack(columns: Sequence[Column], widths: dict[str, int]) -> int:
    return sum(max(0, widths[column.title] - _LEAST_NAME) for column in columns if column.shrinks)


def _line(columns: Sequence[Column], cells: Sequence[str], widths: dict[str, int]) -> str:
    fitted = []
    for column, cell in zip(columns, cells, strict=True):
        width = widths[column.title]
        text = _fitted(one_line(cell), width)
        space = " " * (width - cell_len(text))
        fitted.append(space + text if column.is_number else text + space)
    return (" " * GAP).join(fitted).rstrip()


def _fitted(text: str, width: int) -> str:
    """The text, with dots in place of its beginning if it is too wide."""
    if cell_len(text) <= width:
        return text
    end, used = len(text), 3
    while end > 0 and used + cell_len(text[end - 1]) <= width:
        end -= 1
        used += cell_len(text[end])
    return f"...{text[end:]}"
