"""`convert` again: where it works, what it keeps, and what it replaces."""

import shutil
from pathlib import Path

import av
import pytest

from slomo_batch.cli.main import main
from slomo_batch.manifest.single_video import single
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.state_folder import is_same_volume
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.clips.catalogue import clip
from tests.s3_server import S3Server

BLEND = ("--method", "blend", "--codec", "ffv1")
OTHER_VOLUME = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    footage = tmp_path / "footage"
    footage.mkdir()
    (footage / "a.mp4").write_bytes(clip("one_frame").data)
    monkeypatch.chdir(footage)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return footage


def convert(slowdown: int, output: str = "o.mkv", *more: str) -> int:
    return main(["convert", "a.mp4", output, *BLEND, "--slowdown", str(slowdown), *more])


def work_of(folder: Path, output: str = "o.mkv") -> Path:
    name = single("a.mp4", output, settings=(), flags=()).name
    return folder.parent / "state" / "slomo-batch" / Layout(name).root


def num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def stored(work: Path) -> dict[str, set[str]]:
    return {kind: {path.name for path in (work / kind).glob("*")} for kind in ("receipts", "failures", "videos")}


def test_only_records_are_left_in_the_state_folder_and_nothing_beside_the_output(folder: Path) -> None:
    assert convert(2) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["a.mp4", "o.mkv"]
    work = work_of(folder)
    assert {path.name for path in work.iterdir()} == {
        *("job.json", "receipts", "owned", "ledger", "progress", "epochs", "heartbeats")
    }
    assert sum(path.stat().st_size for path in work.rglob("*")) < 100_000


def test_work_of_other_settings_is_removed_once_the_output_is_published(folder: Path) -> None:
    assert convert(2) == 0
    assert convert(2, "other.mkv") == 0
    other = stored(work_of(folder, "other.mkv"))
    before = stored(work_of(folder))
    (folder / "o.mkv").unlink()
    assert convert(3) == 0
    after = stored(work_of(folder))
    assert [len(after[kind]) for kind in ("receipts", "videos")] == [1, 0]
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
    work = folder.parent / "state" / "slomo-batch" / "jobs" / "shared"
    shutil.copy(folder / "o.mkv", folder / "kept.mkv")
    before = stored(work)
    (folder / "o.mkv").unlink()
    assert main(["convert", "a.mp4", "o.mkv", *BLEND, *name, "--slowdown", "2"]) == 0
    after = stored(work)
    assert len(before["receipts"] & after["receipts"]) == 1
    assert len(after["receipts"]) == 2


# ---- --overwrite ---------------------------------------------------------------------------------------------------


def test_overwrite_replaces_any_file_and_needs_no_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "o.mkv").write_bytes(b"a file of somebody else")
    assert convert(2) == 1
    assert "--overwrite" in capsys.readouterr().out
    assert convert(2, "o.mkv", "--overwrite") == 0
    assert num_frames(folder / "o.mkv") == 2
    shutil.rmtree(folder.parent / "state")
    assert convert(3, "o.mkv", "--overwrite") == 0
    assert num_frames(folder / "o.mkv") == 3
    (folder / "o.mkv").write_bytes(b"changed since")
    assert convert(3, "o.mkv", "--overwrite") == 0
    assert num_frames(folder / "o.mkv") == 3


def test_overwrite_skips_an_output_that_is_already_what_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(2, "o.mkv", "--overwrite") == 0
    capsys.readouterr()
    assert convert(2, "o.mkv", "--overwrite") == 0
    assert "published before" in capsys.readouterr().out


# ---- several inputs ------------------------------------------------------------------------------------------------


def test_several_inputs_go_into_a_folder_each_under_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b.MOV").write_bytes(clip("one_frame").data)
    (folder / "c.avi").write_bytes(clip("one_frame").data)
    assert main(["convert", "a.mp4", "--method", "blend", "b.MOV", "c.avi", "slow/", "--slowdown", "2"]) == 0
    assert sorted(path.name for path in (folder / "slow").iterdir()) == ["a.mp4", "b.mov", "c.mp4"]
    shown = capsys.readouterr().out
    assert "\nb.MOV -> slow/b.mov\n" in shown
    assert "in all: 3 videos published; " in shown
    assert "convert-" not in shown
    assert main(["convert", "a.mp4", "slow", "--method", "blend", "--slowdown", "2"]) == 0, "the same job as before"


def test_a_missing_input_starts_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.mp4", "none.mp4", "slow/"]) == 2
    assert capsys.readouterr().err == f"slomo-batch: cannot read the input\n  {folder}/none.mp4: no such file\n"
    assert main(["convert", "a.mp4", ".", "slow/"]) == 2
    assert ".: is a folder, expected a video" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]
    assert not (folder.parent / "state").exists()


def test_a_preset_is_settings_that_options_override(folder: Path) -> None:
    assert main(["convert", "a.mp4", "o.mov", "--for", "master", "--method", "blend"]) == 0
    with av.open("o.mov") as container:
        assert container.streams.video[0].codec_context.name == "prores"


# ---- an output on another volume -----------------------------------------------------------------------------------


@pytest.fixture
def distant_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not OTHER_VOLUME.is_dir() or is_same_volume(OTHER_VOLUME, folder):
        pytest.skip("no other volume")
    state = OTHER_VOLUME / f"slomo-{folder.parent.name}-{id(folder)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    return state / "slomo-batch"


def test_on_another_volume_it_works_beside_the_output_and_files_its_records(
    folder: Path, distant_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert convert(2) == 0
        assert f"work in {folder}/.slomo-work" in capsys.readouterr().out
        assert sorted(path.name for path in folder.iterdir()) == ["a.mp4", "o.mkv"]
        assert len(list(distant_state.glob("jobs/*/receipts/*.json"))) == 1
        assert convert(2) == 0
        assert "published before" in capsys.readouterr().out
        assert sorted(path.name for path in folder.iterdir()) == ["a.mp4", "o.mkv"]
    finally:
        shutil.rmtree(distant_state.parent, ignore_errors=True)


def test_a_job_that_was_begun_beside_its_output_is_finished_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = folder / ".slomo-work" / Layout(single("a.mp4", "o.mkv", settings=(), flags=()).name).root
    (begun / "uploads").mkdir(parents=True)
    assert convert(2) == 0
    assert f"work in {folder}/.slomo-work" in capsys.readouterr().out
    assert convert(2) == 0
    assert "published before" in capsys.readouterr().out


def test_a_work_place_that_is_set_is_left_as_it_is(folder: Path) -> None:
    assert convert(2, "o.mkv", "--set", "work=here") == 0
    [work] = (folder / "here" / "jobs").iterdir()
    assert [len(found) for found in stored(work).values()] == [1, 0, 1]
    assert not (folder.parent / "state").exists()


def test_on_s3_it_works_beside_the_output_and_leaves_nothing_but_it(
    folder: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = s3.make_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.options().endpoint_url)
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    for expected in ("1 video published", "published before"):
        assert convert(2, f"s3://{bucket}/made/o.mkv") == 0
        shown = capsys.readouterr().out
        assert expected in shown
        assert f"work in s3://{bucket}/made/.slomo-work" in shown
        assert [found.key for found in store.list()] == ["made/o.mkv"]
    [receipt] = (folder.parent / "state").glob("slomo-batch/jobs/*/receipts/*.json")
    assert receipt.stat().st_size < 10_000
    assert main(["status", f"s3://{bucket}/made/o.mkv"]) == 0
    assert "published, and unchanged since" in capsys.readouterr().out
