"""`convert` with other settings onto the same output: the earlier work is removed, other work is not."""

import shutil
from pathlib import Path

import av
import pytest

from slomo_batch.cli.main import main
from slomo_batch.manifest.single_video import single
from slomo_batch.storage.work_layout import Layout
from tests.clips.catalogue import clip

BLEND = ("--method", "blend", "--codec", "ffv1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a.mp4").write_bytes(clip("one_frame").data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def convert(slowdown: int, output: str = "o.mkv") -> int:
    return main(["convert", "a.mp4", output, *BLEND, "--slowdown", str(slowdown)])


def work_of(folder: Path, output: str = "o.mkv") -> Path:
    name = single("a.mp4", output, settings=(), flags=()).name
    return folder / ".slomo-work" / Layout(name).root


def num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def stored(work: Path) -> dict[str, set[str]]:
    return {kind: {path.name for path in (work / kind).glob("*")} for kind in ("receipts", "failures", "videos")}


def test_work_of_other_settings_is_removed_once_the_output_is_published(folder: Path) -> None:
    assert convert(2) == 0
    assert convert(2, "other.mkv") == 0
    other = stored(work_of(folder, "other.mkv"))
    half_made = next((work_of(folder) / "videos").iterdir())
    (half_made / "segments").mkdir()
    (half_made / "segments" / "left.mkv").write_bytes(b"of an attempt")
    before = stored(work_of(folder))
    (folder / "o.mkv").unlink()
    assert convert(3) == 0
    after = stored(work_of(folder))
    assert [len(after[kind]) for kind in ("receipts", "videos")] == [1, 1]
    assert not half_made.exists()
    assert not before["receipts"] & after["receipts"]
    assert stored(work_of(folder, "other.mkv")) == other


def test_an_output_of_other_settings_is_not_mistaken_for_one_of_these(folder: Path) -> None:
    assert convert(2) == 0
    (folder / "o.mkv").unlink()
    assert convert(3) == 0
    assert convert(2) == 1, "o.mkv has another slowdown"
    assert num_frames(folder / "o.mkv") == 3
    assert convert(3) == 0


def test_records_of_another_source_or_output_in_the_same_job_stay(folder: Path) -> None:
    (folder / "b.mp4").write_bytes(clip("one_frame").data)
    name = ("--set", "name=shared")
    assert main(["convert", "b.mp4", "b.mkv", *BLEND, *name]) == 0
    assert main(["convert", "a.mp4", "o.mkv", *BLEND, *name]) == 0
    work = folder / ".slomo-work" / "jobs" / "shared"
    shutil.copy(folder / "o.mkv", folder / "kept.mkv")
    before = stored(work)
    (folder / "o.mkv").unlink()
    assert main(["convert", "a.mp4", "o.mkv", *BLEND, *name, "--slowdown", "2"]) == 0
    after = stored(work)
    assert [len(before[kind] & after[kind]) for kind in ("receipts", "videos")] == [1, 1]
    assert [len(after[kind]) for kind in ("receipts", "videos")] == [2, 2]
