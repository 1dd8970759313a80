"""The documentation as a site: every page is in its menu, and its links lead to pages of the site."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.architecture.project import ROOT, project_files


def load_site() -> ModuleType:
    """The module that writes the pages of the site."""
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site() -> ModuleType:
    return load_site()


def pages() -> list[Path]:
    docs = [path for path in project_files() if path.is_relative_to(ROOT / "docs") and path.suffix in {".md", ".ipynb"}]
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *docs]


def test_every_page_is_in_the_menu(site: ModuleType) -> None:
    nav = yaml.safe_load((ROOT / "docs" / "site" / "mkdocs.yml").read_text("utf-8"))["nav"]
    listed = set(re.findall(r"[\w/.-]+\.md", str(nav)))
    there = {str(site.place_in_site(page)) for page in pages()}
    assert {page for page in there if not page.startswith("decisions/")} == listed


def test_links_lead_to_pages_of_the_site(site: ModuleType) -> None:
    there = {str(site.place_in_site(path)) for path in project_files() if site.place_in_site(path)}
    broken = []
    for page in pages():
        here = Path("/") / site.place_in_site(page)
        for target in re.findall(r"\]\(([^)#\s]+)", site.with_links_of_site(page.read_text("utf-8"), page)):
            path = (here.parent / target).resolve()
            if "://" not in target and str(path.relative_to("/")) not in there:
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_a_link_to_the_source_code_becomes_its_name(site: ModuleType) -> None:
    page = ROOT / "docs" / "architecture.md"
    text = "[errors.py](../slomo_batch/errors.py), [all](../slomo_batch/settings.py), [here](#x), [m](cli.md#plan)"
    assert site.with_links_of_site(text, page) == (
        "`errors.py`, all (`slomo_batch/settings.py`), [here](#x), [m](cli.md#plan)"
    )
    assert site.with_links_of_site("[a](docs/cli.md#plan)", ROOT / "README.md") == "[a](cli.md#plan)"


def test_what_belongs_to_a_numbered_item_is_indented_by_four(site: ModuleType) -> None:
    given = "1. one\n   more\n\n       code\n\n2. two\n\ntext\n   as it is\n```yaml manifest\n"
    wanted = "1. one\n    more\n\n        code\n\n2. two\n\ntext\n   as it is\n```yaml\n"
    assert site.for_python_markdown(given) == wanted
