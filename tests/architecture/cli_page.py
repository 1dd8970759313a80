"""The tables of docs/cli.md that follow from the declarations of the settings, and from the presets.

`python -m tests.architecture.cli_page` (make docs) writes them into the page.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from slomo_batch.cli.setting_options import flag_of, optional_settings
from slomo_batch.declarations import without_links
from slomo_batch.manifest.presets import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
_TABLE = re.compile(r"(<!-- table: ([a-z]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with its tables as the declarations have them."""
    return _TABLE.sub(lambda found: f"{found[1]}{''.join(TABLES[found[2]]())}{found[4]}", page)


def _settings() -> Iterator[str]:
    yield "| option | sets | meaning |\n| --- | --- | --- |\n"
    for one in optional_settings():
        yield f"| `{flag_of(one)}` | `{one.path}` | {_first_clause(without_links(one.declaration.doc))} |\n"


def _first_clause(doc: str) -> str:
    return re.split(r"[.;:] ", doc)[0]


def _presets() -> Iterator[str]:
    yield "| preset | for what | sets |\n| --- | --- | --- |\n"
    for name, preset in PRESETS.items():
        purpose, _, how = preset.doc.partition(": ")
        settings = [f"`{path}={value}`" for path, value in preset.settings.items()]
        codecs = [f"in {suffix} only `encode.codec={codec}`" for suffix, codec in preset.codecs.items()]
        yield f"| `{name}` | {purpose}: {how} | {', '.join([*settings, *codecs])} |\n"


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {"settings": _settings, "presets": _presets}


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
