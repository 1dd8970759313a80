"""`init`: a manifest from a folder, and the examples."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from slomo_batch.manifest.load import load
from tests.clips.catalogue import clip
from tests.clips.film import Film, joined
from tests.clips.hard_telecine import film_frames, telecined
from tests.clips.interlaced import Fields, encoded
from tests.clips.matte import Matte, matte
from tests.clips.stated import in_dolby_vision
from tests.end_to_end.running import excerpt, interlaced

X265 = {"x265-params": "log-level=none:pools=none"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an odd name, and in it plain, HDR, interlaced and broken videos."""
    footage = tmp_path / "it's [old] footage"
    (footage / "tapes").mkdir(parents=True)
    for name, file in (("cfr", "a.mp4"), ("hdr_pq", "b.mp4")):
        (footage / file).write_bytes(clip(name).data)
    short = excerpt("bikes", tmp_path / "short.mp4", num_frames=24, width=64, height=48)
    interlaced(short, footage / "tapes" / "c.ts")
    (footage / "tapes" / "odd\n*.mp4").write_bytes(clip("cfr").data[:3000])
    (footage / "notes.txt").write_text("no video")
    monkeypatch.chdir(tmp_path)
    return footage


def test_a_manifest_names_what_is_odd_and_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", folder.name]) == 0
    assert "slomo-batch plan slomo.yaml" in capsys.readouterr().err
    text = Path("slomo.yaml").read_text()
    comments = [line for line in text.splitlines() if line.startswith("#")]
    for expected in ("# 4 videos", "# 1 HDR: b.mp4", "# 1 interlaced: tapes/c.ts", "# left out: tapes/odd\\n*.mp4: "):
        assert any(comment.startswith(expected) for comment in comments), text
    assert "deinterlace: field" in text
    manifest = load(text, where="slomo.yaml")
    assert manifest.name == "it-s-old-footage"
    assert main(["plan", "-v", "slomo.yaml", "--set", "interpolate.method=blend"]) == 0
    planned = capsys.readouterr().out
    assert f"{folder}-slow/tapes/c.slomo.mp4" in planned
    assert "3 videos, 3 to make" in planned


def test_videos_that_are_handled_in_another_way_are_named(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "film.mkv").write_bytes(encoded(Fields(suffix=".mkv", codec="ffv1"), telecined(film_frames(16))))
    (folder / "dolby.mp4").write_bytes(in_dolby_vision(Film(codec="libx265", options=X265), ".mp4", 8, 1))
    (folder / "title.mov").write_bytes(matte(Matte()))
    small = Film(suffix=".ts", options={"g": "12", "bf": "0"}, num_frames=13)
    (folder / "turned.ts").write_bytes(joined(small, replace(small, size=(128, 96))))
    assert main(["init", folder.name]) == 0
    text = Path("slomo.yaml").read_text()
    for expected in (
        "# 1 telecined or partly interlaced, so decoded once before planning: film.mkv",
        "# 1 with Dolby Vision, of which only the base layer is kept: dolby.mp4",
        "# 1 with alpha: title.mov",
        "# 1 whose picture size changes: turned.ts",
    ):
        assert f"{expected}\n" in text, text


def test_the_videos_of_the_current_folder_go_into_a_folder_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(["init", ".", "--out", "-"]) == 0
    manifest = load(capsys.readouterr().out, where="-")
    assert manifest.output.uri == "slow/{relpath}/{stem}.slomo.mp4"
    assert manifest.inputs[0].excluded[0] == "slow/**"


def test_a_file_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("slomo.yaml").write_text("mine")
    assert main(["init", folder.name]) == 2
    assert "init never overwrites a file" in capsys.readouterr().err
    assert Path("slomo.yaml").read_text() == "mine"
    assert main(["init", str(folder / "none")]) == 2
    assert main(["init"]) == 2
    assert main(["init", "none", "--out", "none/x.yaml"]) == 2


@pytest.mark.parametrize("name", ["archive-s3", "demo", "ramp"])
def test_an_example_is_a_valid_manifest(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--example", name, "--out", "here.yaml"]) == 0
    manifest = load(Path("here.yaml").read_text(), where="here.yaml")
    assert name == "archive-s3" or Path(manifest.inputs[0].uri).is_file(), "anywhere, it finds the sample clip"
