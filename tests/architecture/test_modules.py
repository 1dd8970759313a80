"""What is true of every file of the project. The direction of imports is import-linter's business: `make lint`."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.project import ROOT, modules, name_of, parsed, project_files

HOMELESS = {"utils", "util", "common", "helpers", "helper", "core", "base", "misc"}
"""Names of modules whose content is not understood yet."""
OUTSIDE = [re.compile(pattern) for pattern in (r"\.\./" + "shared", r"(?<![\w.}-])/" + "work/")]
"""Places that exist on one machine only."""


def test_every_module_says_in_its_docstring_what_it_is() -> None:
    silent = [name_of(path) for path in modules("slomo_batch", "tests") if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_no_module_is_named_for_having_no_home() -> None:
    homeless = [name_of(path) for path in modules("slomo_batch", "tests") if {path.stem, *path.parts} & HOMELESS]
    assert homeless == []


def test_no_file_names_a_place_outside_the_project() -> None:
    named = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        named += [f"{name_of(path)}: {found[0]}" for pattern in OUTSIDE if (found := pattern.search(text))]
    assert named == []


def test_no_file_is_large_but_pictures_clips_weights_and_scripts_of_others() -> None:
    large = [
        name_of(path)
        for path in project_files()
        if path.stat().st_size > 200_000
        and path.suffix not in {".png", ".mp4", ".safetensors"}
        and not path.name.endswith(".min.js")
    ]
    assert large == []


@pytest.mark.parametrize("library", ["torch", "ray", "av", "pyarrow", "boto3"])
def test_importing_the_command_line_loads_no_heavy_library(library: str, loaded_by_cli: set[str]) -> None:
    assert library not in loaded_by_cli


@pytest.fixture(scope="module")
def loaded_by_cli() -> set[str]:
    """Top-level modules that are loaded once slomo_batch.cli.main is imported, in a process of its own."""
    code = "import sys, slomo_batch.cli.main; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_room_says_what_question_it_answers() -> None:
    rooms = [path for path in modules("slomo_batch") if path.name == "__init__.py"]
    assert len(rooms) > 10
    assert all(path.is_relative_to(ROOT / "slomo_batch") for path in rooms)
    assert [name_of(path) for path in rooms if not ast.get_docstring(parsed(path))] == []


def test_the_door_of_the_package_is_sorted_and_honest() -> None:
    import slomo_batch  # noqa: PLC0415 - the door under test

    assert sorted(slomo_batch.__all__) == list(slomo_batch.__all__)
    assert [name for name in slomo_batch.__all__ if not hasattr(slomo_batch, name)] == []
    assert Path(str(slomo_batch.__file__)).is_relative_to(ROOT)


def test_no_class_name_stands_for_two_things() -> None:
    defined: dict[str, list[str]] = {}
    for path in modules("slomo_batch"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                defined.setdefault(node.name.lstrip("_"), []).append(name_of(path))
    assert {name: paths for name, paths in defined.items() if len(paths) > 1} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions and for type checkers count too."""
    imports = {path: set(_imported(path)) for path in modules("slomo_batch")}
    while ends := [path for path, needed in imports.items() if not needed & imports.keys()]:
        for path in ends:
            del imports[path]
    assert sorted(map(name_of, imports)) == []


def _imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("slomo_batch"):
            folder = ROOT / node.module.replace(".", "/")
            for name in node.names:
                module = folder / f"{name.name}.py"
                yield module if module.exists() else folder.with_suffix(".py")
