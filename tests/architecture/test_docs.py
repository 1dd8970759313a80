"""Links in the documentation lead somewhere, and every option of the command line is explained."""

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from slomo_batch.cli.main import parser
from tests.architecture import cli_page
from tests.architecture.project import ROOT, name_of, project_files

PAGES = [path for path in project_files() if path.suffix == ".md"]
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of a page's links and pictures that are not addresses on the network."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Anchors that GitHub gives a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)


def is_broken(page: Path, target: str) -> bool:
    """Whether a link names no file of the project, or no heading of its page."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return True
    return bool(anchor) and file.suffix == ".md" and anchor not in anchors(file)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert [target for target in links(page) if is_broken(page, target)] == []


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    linked = {
        (page.parent / path).resolve() for page in PAGES for target in links(page) if (path := target.partition("#")[0])
    }
    lonely = [name_of(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in linked]
    assert lonely == []


def test_the_tables_of_the_commands_follow_from_the_declarations() -> None:
    page = cli_page.PAGE.read_text()
    assert cli_page.with_tables(page) == page, "run `make docs`"


def options(command: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, str]]:
    """Every option of a command and its subcommands, with the name of its command."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from options(inner, f"{name} {word}".strip())
        else:
            yield from ((name, option) for option in action.option_strings if option not in {"-h", "--help"})


def test_every_command_and_option_is_explained() -> None:
    explained = {"": (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")}
    explained["train"] = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    missing = [
        f"{command} {option}".strip()
        for command, option in options(parser())
        if not re.search(rf"{option}\b", explained.get(command, explained[""]))
        or command.rpartition(" ")[2] not in explained[""]
    ]
    assert missing == []
