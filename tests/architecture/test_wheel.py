"""The wheel: it holds everything that the commands need, and works where no clone is."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.project import ROOT, name_of, project_files
from tests.clips.catalogue import clip


def packaged_files() -> list[Path]:
    """The files of the package, and of the jobs that it has as examples."""
    return [path for path in project_files() if path.relative_to(ROOT).parts[0] in {"slomo_batch", "jobs"}]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree; built from a copy, since setuptools writes into what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in [*packaged_files(), ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"]:
        copy = folder / "tree" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (folder / "tree" / "slomo_batch" / "examples").symlink_to("../jobs")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(folder / "tree")], check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_a_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    names = {name_of(path) for path in packaged_files()}
    expected = {f"slomo_batch/examples/{name[5:]}" if name.startswith("jobs/") else name for name in names}
    with zipfile.ZipFile(wheel) as archive:
        assert expected - set(archive.namelist()) == set()


def test_an_installed_wheel_converts_a_video_and_writes_an_example(wheel: Path, tmp_path: Path) -> None:
    """Installed without the packages that it needs: those of this environment serve."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (tmp_path / "in.mp4").write_bytes(clip("cfr").data)
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_STATE_HOME": str(tmp_path / "state")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "slomo_batch", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = [sys.executable, "-c", "import slomo_batch; print(slomo_batch.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(site)
    run("convert", "in.mp4", "out.mp4", "--slowdown", "2")
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert "compact-3" in run("weights", "list")
    run("init", "--example", "archive-s3")
    assert list(tmp_path.glob("*.yaml"))
