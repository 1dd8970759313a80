"""The Python interface: its examples run, its results are those of the commands, its errors say what is wrong."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import slomo_batch
from slomo_batch.errors import Interrupted, ManifestError, VideosFailed
from slomo_batch.report.events import Event, JobStarted, VideoPublished
from slomo_batch.scheduler.stop_signals import STOPPING
from tests.architecture.project import ROOT
from tests.clips.catalogue import clip

BLEND = {"interpolate.method": "blend", "retime.slowdown": 2}
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a video `holiday.mp4` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "holiday.mp4").write_bytes(clip("cfr").data)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_documentation_runs(number: int) -> None:
    exec(compile(EXAMPLES[number], f"docs/python.md, example {number}", "exec"), {})


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, slomo_batch; assert slomo_batch.__version__; print('torch' in sys.modules, 'av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_convert_returns_the_output_and_finds_it_again(folder: Path) -> None:
    events: list[Event] = []
    made = slomo_batch.convert(folder / "holiday.mp4", folder / "slow.mp4", settings=BLEND, on_event=events.append)
    [published] = made.published
    assert published.output_uri == str(folder / "slow.mp4")
    assert (folder / "slow.mp4").stat().st_size == published.size_bytes
    assert any(isinstance(event, JobStarted) for event in events)
    assert published in [event for event in events if isinstance(event, VideoPublished)]
    again = slomo_batch.convert(folder / "holiday.mp4", folder / "slow.mp4", settings=BLEND)
    assert (len(again.published), len(again.skipped), again.exit_code) == (0, 1, 0)


def test_convert_raises_for_a_file_that_is_no_video(folder: Path) -> None:
    (folder / "notes.mp4").write_bytes(b"not a video")
    with pytest.raises(VideosFailed, match=r"1 of 1 videos failed\nSourceUnreadable: .*notes\.mp4"):
        slomo_batch.convert("notes.mp4", "slow.mp4", settings=BLEND)
    with pytest.raises(ManifestError) as raised:
        slomo_batch.convert("none.mp4", "slow.mp4", settings=BLEND)
    [problem] = raised.value.problems
    assert "none.mp4" in problem
    assert raised.value.__notes__ == [problem]


def test_a_wrong_setting_is_named_by_its_path(folder: Path) -> None:
    with pytest.raises(ManifestError) as raised:
        slomo_batch.convert("holiday.mp4", "slow.mp4", settings={"encode.codec": "h265", "retime.slowdown": 0.5})
    problems = raised.value.problems
    assert sorted(problem.partition(":")[0] for problem in problems) == ["encode.codec", "retime.slowdown"]
    with pytest.raises(ManifestError) as raised:
        slomo_batch.plan_job({"version": 1, "name": "clips", "input": [{"uri": str(folder)}]})
    assert any("input" in problem for problem in raised.value.problems)


def test_a_manifest_is_a_file_or_a_mapping(folder: Path) -> None:
    manifest = {
        "version": 1,
        "name": "clips",
        "inputs": [{"uri": str(folder / "holiday.mp4")}],
        "output": {"uri": f"{folder}/slow/{{stem}}.mkv"},
        "work": str(folder / "work"),
        "cluster": {"address": "inline"},
    }
    path = folder / "job.yaml"
    path.write_text(
        f"version: 1\nname: clips\ninputs:\n  - uri: {folder}/holiday.mp4\noutput:\n"
        f"  uri: {folder}/slow/{{stem}}.mkv\nwork: {folder}/work\ncluster: {{address: inline}}\n"
    )
    of_mapping, of_file = (slomo_batch.plan_job(one, settings=BLEND) for one in (manifest, path))
    assert of_mapping == of_file
    assert of_file.rows[0].state == "make"
    result = slomo_batch.run(path, settings=BLEND | {"retime.slowdown": Fraction(5, 2)})
    assert [video.output_uri for video in result.published] == [f"{folder}/slow/holiday.mkv"]
    assert slomo_batch.plan_job(manifest, settings=BLEND | {"retime.slowdown": "5/2"}).rows[0].state == "skip"


def test_a_job_runs_outside_the_main_thread(folder: Path) -> None:
    results: list[slomo_batch.JobResult] = []
    thread = threading.Thread(
        target=lambda: results.append(slomo_batch.convert("holiday.mp4", "slow.mp4", settings=BLEND))
    )
    thread.start()
    thread.join()
    assert [len(result.published) for result in results] == [1]
    assert (folder / "slow.mp4").exists()


def test_arrays_and_tensors_give_the_same_pictures() -> None:
    random = np.random.default_rng(1)
    first, second = (random.integers(0, 256, (18, 32, 3), np.uint8) for _ in range(2))
    blend = slomo_batch.Interpolator("blend")
    [of_arrays] = blend.between(first, second, [0.25])
    tensors = [torch.from_numpy(picture).permute(2, 0, 1) / 255 for picture in (first, second)]
    [of_tensors] = blend.between(tensors[0], tensors[1], [Fraction(1, 4)])
    assert of_arrays.dtype == np.uint8
    assert np.abs(of_arrays - (0.75 * first + 0.25 * second)).max() <= 0.51
    assert torch.allclose(of_tensors, 0.75 * tensors[0] + 0.25 * tensors[1], atol=1e-5)


def test_a_held_frame_is_the_picture_itself() -> None:
    first, second = np.zeros((18, 32, 3), np.uint8), np.full((18, 32, 3), 9, np.uint8)
    early, late = slomo_batch.Interpolator("duplicate").between(first, second, [0.25, 0.75])
    assert (int(early.max()), int(late.min())) == (0, 9)


def test_wrong_pictures_and_times_are_refused() -> None:
    picture, blend = np.zeros((18, 32, 3), np.uint8), slomo_batch.Interpolator("blend")
    with pytest.raises(ValueError, match="times must be within"):
        blend.between(picture, picture, [0.0])
    with pytest.raises(ValueError, match="must have one shape"):
        blend.between(picture, picture[:9], [0.5])
    with pytest.raises(ValueError, match=r"expected an array \[H, W, 3\] of uint8, got \[18, 32, 3\] of float64"):
        blend.between(picture.astype(np.float64), picture, [0.5])  # type: ignore[type-var]
    with pytest.raises(ValueError, match=r"expected a tensor \[3, H, W\] of floats"):
        blend.between(torch.zeros(18, 32, 3), torch.zeros(18, 32, 3), [0.5])
    with pytest.raises(ManifestError, match="no interpolation method 'rife' is installed"):
        slomo_batch.Interpolator("rife")


def test_ctrl_c_is_answered_also_if_nobody_hears_the_events(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)

    def press() -> None:
        while signal.getsignal(signal.SIGINT) is before:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    with suppress(Interrupted):  # raised if nothing was begun yet
        slomo_batch.convert(folder / "holiday.mp4", folder / "slow.mp4", settings=BLEND)
    pressing.join()
    assert STOPPING in capfd.readouterr().err
    assert slomo_batch.convert(folder / "holiday.mp4", folder / "slow.mp4", settings=BLEND).exit_code == 0
