"""The table of docs/ledger.md, which follows from the ledger's schema.

`python -m tests.architecture.ledger_page` (make docs) writes it into the page, between `<!-- columns -->` and
`<!-- end -->`.
"""

from pathlib import Path

import pyarrow as pa

from slomo_batch.report.ledger import SCHEMA
from tests.page_tables import markdown_rows, with_table

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
HEAD = "| column | type | meaning |\n| --- | --- | --- |\n"


def with_columns(page: str) -> str:
    """Return the page with its table as the schema has it."""
    return with_table(page, "columns", HEAD + markdown_rows(map(_row, SCHEMA)))


def _row(column: pa.Field) -> tuple[str, str, str]:
    return f"`{column.name}`", str(column.type), column.metadata[b"meaning"].decode()


if __name__ == "__main__":
    PAGE.write_text(with_columns(PAGE.read_text("utf-8")), "utf-8")
