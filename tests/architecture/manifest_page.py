"""The tables of docs/manifest.md, which follow from the declarations of the settings.

`python -m tests.architecture.manifest_page` (make docs) writes them into the page. The line `<!-- settings: retime -->`
precedes the table of the settings whose keys begin with `retime`, and `<!-- end -->` follows it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from slomo_batch.declarations import DeclaredSetting, declared_settings, default_of, listed, values_of
from slomo_batch.interpolators.registry import BUILT_IN
from slomo_batch.manifest.sections import JobSettings
from slomo_batch.settings import VideoSettings

PAGE = Path(__file__).parents[2] / "docs" / "manifest.md"
HEAD = "| key | values | default | meaning |\n| --- | --- | --- | --- |\n"
_TABLE = re.compile(r"(<!-- settings: ([a-z_, ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with its tables as the declarations have them."""
    return _TABLE.sub(lambda found: f"{found[1]}{HEAD}{''.join(_rows(found[2].split(', ')))}{found[4]}", page)


def listed_keys(page: str) -> list[str]:
    """Return the keys that the tables list."""
    return re.findall(r"^\| `([a-z_.]+)` \|", "".join(found[3] for found in _TABLE.finditer(page)), re.MULTILINE)


def all_settings() -> list[DeclaredSetting]:
    """List every declared setting of a manifest."""
    return [*declared_settings(VideoSettings), *declared_settings(JobSettings)]


def _rows(sections: list[str]) -> Iterator[str]:
    for section in sections:
        for one in all_settings():
            if one.path.partition(".")[0] == section:
                yield f"| `{one.path}` | {_values(one)} | {default_of(one)} | {one.declaration.doc} |\n"


def _values(one: DeclaredSetting) -> str:
    return listed(list(BUILT_IN)) if one.declaration.form == "method" else values_of(one)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
