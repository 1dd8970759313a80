"""No name of a source or row of a table moves an output out of its folder: whole runs and the files they leave."""

import os
from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from slomo_batch.steps.sidecar import SUFFIX
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job

QUICK = {"interpolate": {"method": "duplicate"}, "retime": {"slowdown": 1}, "encode": {"preset": "ultrafast"}}
NAMES = (
    "%2e%2e%2f%2e%2e%2fescaped.mp4",
    "..%2fescaped.mp4",
    "...mp4",
    "..mp4",
    "~root.mp4",
    "{relpath}{stem}.mp4",
    "${HOME}$(touch escaped).mp4",
    "`touch escaped`;.mp4",
    "-rf.mp4",
    "..\\..\\escaped.mp4",
    "CON.mp4",
    "a\nb.mp4",
    "file:.mp4",
)
FOLDERS = ("~root", "%2e%2e", "...", "s3:")
OUTPUTS, WORK = "a/b/c/out/", f"{Path('a/b/c/job', 'work')}/"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for all files of a test, deep enough for names that climb; empty at the start."""
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return deep


def files_of(folder: Path) -> set[str]:
    """Every file below, by its path."""
    return {str(Path(at, name).relative_to(folder)) for at, _, names in os.walk(folder) for name in names}


def hostile_sources(place: Path) -> None:
    data = clip("one_frame").data
    for folder in ("", *FOLDERS):
        (place / "in" / folder).mkdir(parents=True, exist_ok=True)
        for name in NAMES if not folder else ("plain.mp4",):
            (place / "in" / folder / name).write_bytes(data)


def test_sources_with_hostile_names_stay_within_the_outputs_or_are_refused(place: Path) -> None:
    hostile_sources(place)
    before = files_of(place.parents[2])
    job = Job(place / "job").write(
        [f"{place}/in/**/*.mp4"], **QUICK, output={"uri": f"file://{place}/out/{{relpath}}/{{name}}.mkv"}
    )
    before |= {str(job.manifest.relative_to(place.parents[2]))}
    assert main(["run", str(job.manifest)]) in {0, 1}
    inside = (OUTPUTS, WORK)
    made = files_of(place.parents[2]) - before
    assert [name for name in made if not name.startswith(inside)] == []
    outputs = {name for name in made if name.startswith(OUTPUTS) and not name.endswith(SUFFIX)}
    assert len(outputs) == len(NAMES) + len(FOLDERS)
    assert {name for name in made if name.startswith(OUTPUTS)} - outputs == {f"{name}{SUFFIX}" for name in outputs}


def test_a_stem_that_is_the_parent_folder_is_refused(place: Path) -> None:
    (place / "in").mkdir()
    (place / "in" / "...mp4").write_bytes(clip("one_frame").data)
    job = Job(place / "job").write([f"{place}/in/*.mp4"], **QUICK, output={"uri": "out/x/{stem}/video.mkv"})
    before = files_of(place.parents[2])
    assert main(["run", str(job.manifest)]) == 1, "refused by its name"
    made = files_of(place.parents[2]) - before
    assert [name for name in made if not name.startswith(WORK)] == []


@pytest.mark.parametrize("uri", ["../../in/one.mp4", "in/../in/one.mp4", "file:///%2e%2e/{place}/in/one.mp4"])
def test_the_rows_of_a_table_stay_within_the_outputs(uri: str, place: Path) -> None:
    (place / "in").mkdir()
    (place / "in" / "one.mp4").write_bytes(clip("one_frame").data)
    (place.parent.parent / "in").mkdir()
    (place.parent.parent / "in" / "one.mp4").write_bytes(clip("one_frame").data)
    (place / "table.csv").write_text("uri\n" + uri.replace("{place}", str(place).lstrip("/")) + "\n")
    job = Job(place / "job").write(
        [{"table": f"{place}/table.csv"}], **QUICK, output={"uri": "out/{relpath}/{stem}.mkv"}
    )
    before = files_of(place.parents[2])
    assert main(["run", str(job.manifest)]) in {0, 1, 2}
    made = files_of(place.parents[2]) - before
    assert [name for name in made if not name.startswith((OUTPUTS, WORK))] == []


def test_a_link_under_an_output_s_name_is_replaced_and_not_written_through(place: Path) -> None:
    (place / "in").mkdir()
    (place / "in" / "one.mp4").write_bytes(clip("one_frame").data)
    (place / "precious").write_bytes(b"precious")
    (place / "out").mkdir()
    (place / "out" / "one.mkv").symlink_to(place / "precious")
    job = Job(place / "job").write([f"{place}/in/*.mp4"], **QUICK, output={"uri": "out/{stem}.mkv"})
    assert main(["run", str(job.manifest)]) == 1, "a file exists there"
    assert main(["run", str(job.manifest), "--set", "output.exists=replace"]) == 0
    assert (place / "precious").read_bytes() == b"precious"
    assert not (place / "out" / "one.mkv").is_symlink()
