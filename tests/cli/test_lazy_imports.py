"""The command line loads only what a command needs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_importing_the_command_line_and_validating_a_manifest_loads_nothing_heavy() -> None:
    code = (
        "import sys; from slomo_batch.cli.main import main; main(['run', 'nothing.yaml']); main(['schema']);"
        "sys.stderr.write('LOADED ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert {"yaml", "pydantic"} <= loaded
    assert loaded & {"torch", "ray", "av", "boto3", "botocore", "pyarrow", "rich", "cv2"} == set()


@pytest.mark.parametrize("command", ["", "convert", "run"])
def test_help_loads_only_what_it_shows(command: str) -> None:
    code = (
        f"import sys; from slomo_batch.cli.main import main; main('{command} --help'.split());"
        "sys.stderr.write('LOADED ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert loaded & {"pydantic", "yaml", "shtab", "torch", "ray", "av", "boto3", "pyarrow", "rich"} == set()


@pytest.mark.parametrize("command", ["status", "gc"])
def test_status_and_gc_load_neither_torch_nor_ray(command: str, tmp_path: Path) -> None:
    code = (
        f"import sys; from slomo_batch.cli.main import main; main(['{command}', 'film', '--work', '{tmp_path}']);"
        "sys.stderr.write('LOADED ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert "pyarrow" in loaded
    assert loaded & {"torch", "ray", "av", "cv2", "boto3"} == set()
