"""The tutorial runs from its first to its last cell: `make tutorial`.

`make tutorial` does not change it. If its outputs are to be stored again, run it in Jupyter, or with `jupyter execute
--inplace docs/tutorial.ipynb`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_tutorial import PAGE

pytestmark = pytest.mark.tutorial


def test_the_tutorial_runs_and_shows_what_it_stores(tmp_path: Path) -> None:
    target = tmp_path / "run.ipynb"
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "jupyter", "execute", str(PAGE), f"--output={target}", "--timeout=600"]
    subprocess.run(command, check=True, env={**os.environ, "PATH": programs})
    made, stored = (json.loads(path.read_text("utf-8"))["cells"] for path in (target, PAGE))
    for ours, theirs in zip(made, stored, strict=True):
        assert ours["source"] == theirs["source"]
        kinds = [{output["output_type"] for output in cell.get("outputs", [])} for cell in (ours, theirs)]
        assert kinds[0] == kinds[1]
