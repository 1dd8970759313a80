"""The tutorial: a notebook whose code can be run, with its outputs. `make tutorial` runs it."""

import ast
import importlib
import shlex
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from slomo_batch.cli.main import parser
from tests.architecture.project import ROOT
from tests.architecture.test_docs import LINK, is_broken
from tests.architecture.test_site import load_site

PAGE = ROOT / "docs" / "tutorial.ipynb"
MOST_BYTES = 600_000


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(PAGE, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def code_of(cell: nbformat.NotebookNode) -> str:
    """The Python code of a cell, without the lines that call a command."""
    return "\n".join(line for line in cell.source.split("\n") if not line.startswith("!"))


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_is_valid_and_small(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert PAGE.stat().st_size < MOST_BYTES


def test_outputs_are_stored_and_show_pictures_and_no_error(notebook: nbformat.NotebookNode) -> None:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert all(cell.outputs for cell in code_cells(notebook))
    assert "error" not in {output.output_type for output in outputs}
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) >= 4


def names_used(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Modules of slomo_batch, and the names in them that the code uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("slomo_batch"):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "slomo_batch":
            yield "slomo_batch", node.attr


def test_every_cell_compiles_and_uses_names_that_exist(notebook: nbformat.NotebookNode) -> None:
    used = {name for cell in code_cells(notebook) for name in names_used(ast.parse(code_of(cell)))}
    assert {"convert", "run", "plan_job", "Interpolator"} <= {name for module, name in used if module == "slomo_batch"}
    assert [found for found in used if found[1] not in names_of(found[0])] == []


def names_of(module: str) -> list[str]:
    """The public names of a module; those of slomo_batch itself without loading what they need."""
    loaded = importlib.import_module(module)
    return list(getattr(loaded, "__all__", dir(loaded)))


def test_every_command_is_accepted(notebook: nbformat.NotebookNode) -> None:
    lines = [line for cell in code_cells(notebook) for line in cell.source.split("\n") if line.startswith("!")]
    assert len(lines) >= 3
    for line in lines:
        program, *arguments = shlex.split(line[1:].partition(" 2>")[0])
        assert program == "slomo-batch"
        parser().parse_args(arguments)


def test_links_lead_to_pages(notebook: nbformat.NotebookNode) -> None:
    targets = [link for cell in notebook.cells if cell.cell_type == "markdown" for link in LINK.findall(cell.source)]
    assert targets
    assert [target for target in targets if is_broken(PAGE, target)] == []


def test_the_site_has_the_notebook_as_a_page_with_its_pictures(notebook: nbformat.NotebookNode) -> None:
    site = load_site()
    text, pictures = site.page_of(PAGE)
    assert text.startswith(notebook.cells[0].source)
    assert len(pictures) >= 4
    assert all(f"]({name})" in text and data.startswith(b"\xff\xd8") for name, data in pictures.items())
    assert site.place_in_site(PAGE) == Path("tutorial.md")
