"""What the README and the docs tell a person to type exists, and the manifests they show are accepted."""

import argparse
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
import torch
import yaml

from slomo_batch.cli.main import main, parser
from slomo_batch.interpolators.contract import make_frames
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.manifest.validation_errors import leaves
from slomo_batch.report.ledger import VERSION
from slomo_batch.storage.work_layout import Layout
from tests.architecture import ledger_page, manifest_page
from tests.architecture.project import ROOT, name_of, project_files
from tests.interpolators.other_packages import forget_found_methods, install

PAGES = [path for path in project_files() if path.suffix == ".md"]
INDENTED = re.compile(r"^    (?:\$ )?((?:slomo-batch|make) [^#\n]*)", re.MULTILINE)
INLINE = re.compile(r"`((?:slomo-batch|make) [^`\n]+)`")
QUOTED = re.compile(r"'(slomo-batch [^'\n]+)'")
MANIFEST = re.compile(r"^```yaml manifest\n(.*?)^```", re.MULTILINE | re.DOTALL)


def calls_of(program: str) -> Iterator[tuple[str, str]]:
    """Every call of a program that a page shows, with the page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for pattern in (INDENTED, INLINE, QUOTED):
            yield from ((name_of(page), call.strip()) for call in pattern.findall(text) if call.startswith(program))


CALLS = sorted(set(calls_of("slomo-batch ")))
MANIFESTS = [
    (name_of(page), number, text)
    for page in PAGES
    for number, text in enumerate(MANIFEST.findall(page.read_text(encoding="utf-8")))
]


@cache
def help_of(*command: str) -> str:
    """What `slomo-batch COMMAND --help` prints; empty where there is no such command."""
    with redirect_stdout(StringIO()) as printed, redirect_stderr(StringIO()):
        code = main([*command, "--help"])
    return printed.getvalue() if code == 0 else ""


@pytest.mark.parametrize(("page", "call"), CALLS)
def test_a_command_that_is_shown_exists_with_its_options(page: str, call: str) -> None:
    words = shlex.split(call)[1:]
    if words == ["--version"]:
        assert main(words) == 0
        return
    verbs = 2 if words[0] in {"weights", "archive"} else 1
    shown = help_of(*words[:verbs])
    assert shown, f"{page}: {call}"
    options = [word for word in words if word.startswith("--")]
    assert [option for option in options if option not in shown] == []


def test_the_readme_shows_the_commands_that_matter() -> None:
    told_in_readme = {call.split()[1] for page, call in CALLS if page == "README.md"}
    assert {"run", "plan", "convert", "status", "schema", "weights"} <= told_in_readme
    assert {call for page, call in calls_of("make ") if page == "README.md"} == {"make demo", "make test"}


def options(commands: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Every long option of every command, with the command as it is typed. argparse has no public list of them."""
    for action in commands._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from options(command)
        else:
            yield from ((commands.prog, name) for name in action.option_strings if name.startswith("--"))


def test_every_command_and_option_is_explained() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    pages = {"slomo-batch train": (ROOT / "docs" / "training.md").read_text()}
    found = sorted(set(options(parser())))
    assert len({command for command, _ in found}) > 15
    assert [command for command, _ in found if command not in page and command != "slomo-batch"] == []
    unexplained = [
        f"{command} {name}"
        for command, name in found
        if name not in {"--help", "--version"} and not re.search(f"`{name}[` ]", pages.get(command, page))
    ]
    assert unexplained == []


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {call.split()[1] for _, call in calls_of("make ")} <= targets


def test_the_first_screen_of_the_readme_has_a_picture_and_the_two_commands() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:20]
    assert any(line.startswith("![") for line in first)
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)


@pytest.mark.parametrize(("page", "number", "text"), MANIFESTS)
def test_a_manifest_that_is_shown_is_accepted(page: str, number: int, text: str) -> None:
    assert load(text, where=f"{page} {number}").name == yaml.safe_load(text)["name"]


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.yaml")), ids=name_of)
def test_a_manifest_that_is_shipped_is_accepted(path: Path) -> None:
    assert load(path.read_text(), where=name_of(path)).inputs


def test_every_key_of_the_manifest_is_explained() -> None:
    page = (ROOT / "docs" / "manifest.md").read_text()
    keys = {".".join(str(step) for step in path) for path in leaves(Manifest)}
    keys |= {str(path[0]) for path in leaves(InputSpec) if len(path) == 1}
    assert len(keys) > 30
    assert sorted(key for key in keys if f"`{key}`" not in page) == []


def test_the_tables_of_settings_are_those_of_the_declarations() -> None:
    page = manifest_page.PAGE.read_text()
    assert manifest_page.with_tables(page) == page, "run `make docs`"
    assert sorted(manifest_page.listed_keys(page)) == sorted(one.path for one in manifest_page.all_settings())


def test_the_columns_of_the_ledger_are_those_of_its_schema() -> None:
    page = ledger_page.PAGE.read_text("utf-8")
    assert ledger_page.with_columns(page) == page, "run `make docs`"
    assert f"Version {VERSION}." in page


def work_keys() -> set[str]:
    """Every key that Layout can spell, below the job's prefix."""
    layout = Layout("job")
    keys = {str(getattr(layout, name)) for name, member in vars(Layout).items() if isinstance(member, property)}
    for name, member in vars(Layout).items():
        if inspect.isfunction(member) and name[0] != "_":
            spell = getattr(layout, name)
            parameters = inspect.signature(spell).parameters.values()
            keys.add(spell(*(0 if parameter.annotation is int else "x" for parameter in parameters)))
    return {key.removeprefix(layout.root).removeprefix("videos/").removeprefix("x/") for key in keys}


def test_everything_in_the_work_place_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    names = {key.split("/")[0] + ("/" if "/" in key else "") for key in work_keys() if key}
    assert len(names) > 15
    assert sorted(name for name in names if f"{name}`" not in page) == []


def test_the_method_of_the_documentation_can_be_installed_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "methods.md").read_text()
    [source] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    [project] = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    entry_points = tomllib.loads(project)["project"]["entry-points"]["slomo_batch.interpolators"]
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    install(tmp_path / "site", module="slomo_nearest", source=source, methods=entry_points)
    forget_found_methods()
    method = open_interpolator(InterpolatorSpec(method="nearest"))
    [frame] = make_frames(method, [torch.ones(3, 4, 4), torch.zeros(3, 4, 4)], [Fraction(1, 4)])
    forget_found_methods()
    assert isinstance(frame, torch.Tensor)
    assert torch.equal(frame, torch.full((3, 4, 4), 0.9))
