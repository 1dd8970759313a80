"""The table of docs/ledger.md, which follows from the ledger's schema.

`python -m tests.architecture.ledger_page` (make docs) writes it into the page, between `<!-- columns -->` and
`<!-- end -->`.
"""

import re
from pathlib import Path

import pyarrow as pa

from slomo_batch.report.ledger import SCHEMA

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
HEAD = "| column | type | meaning |\n| --- | --- | --- |\n"
_TABLE = re.compile(r"(<!-- columns -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def with_table(page: str) -> str:
    """Return the page with its table as the schema has it."""
    return _TABLE.sub(lambda found: f"{found[1]}{HEAD}{''.join(map(_row, SCHEMA))}{found[3]}", page)


def _row(column: pa.Field) -> str:
    return f"| `{column.name}` | {column.type} | {column.metadata[b'meaning'].decode()} |\n"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
