"""Tables of documentation pages that are made from the code: each is between a comment with its name and one that ends
it."""

import re
from collections.abc import Iterable, Sequence


def markdown_rows(rows: Iterable[Sequence[str]]) -> str:
    """The rows of a table in Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(page: str, name: str, table: str) -> str:
    """Return the page with this table of its."""
    place = re.compile(rf"(?<=<!-- {re.escape(name)} -->\n).*?(?=<!-- end -->)", re.DOTALL)
    return place.sub(lambda _: table, page)
