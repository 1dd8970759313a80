"""A budget: a run stops when it is spent, and goes on with a larger one."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.running import Job, cli, excerpt

QUICK = {"interpolate": {"method": "blend"}, "encode": {"preset": "ultrafast"}}
TINY = {"money": "0.0001", "price_per_hour": 100}
"""Of 3.6 milliseconds."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    first = excerpt("bikes", tmp_path_factory.mktemp("clips") / "first.mp4", num_frames=6, width=128, height=96)
    shutil.copy(first, first.with_name("second.mp4"))
    return first, first.with_name("second.mp4")


def test_a_run_stops_when_its_budget_is_spent_and_goes_on_with_a_larger_one(
    clips: tuple[Path, Path], tmp_path: Path
) -> None:
    job = Job(tmp_path / "job").write([str(clips[0])], **QUICK)
    assert job.run("--set", "budget.hours=1").returncode == 0
    job.write(list(map(str, clips)), **QUICK, budget=TINY)
    planned = cli("plan", str(job.manifest))
    assert planned.returncode == 0
    assert re.search(r"^budget     0.\d\d of 0.00 spent; the job needs about 0.\d\d more", planned.stdout, re.MULTILINE)
    assert planned.stdout.count(" at 100.00 an hour") == 1
    stopped = job.run()
    assert stopped.returncode == 4
    assert stopped.stdout.splitlines()[-3:] == [
        re.search(r"^budget     0.\d\d of 0.00 spent$", stopped.stdout, re.MULTILINE)[0],  # type: ignore[index]
        "left       1 video; `slomo-batch plan` shows how long they take",
        "           Raise budget.money and run again: it goes on where it was.",
    ]
    assert set(job.receipts()) == {"first"}
    assert len(list(job.work.glob("videos/*/pin.json"))) == 1, "the other video was not even opened"
    assert re.search(r"  budget: 0.\d\d of 0.00 spent", cli("status", str(job.manifest)).stdout)
    assert "of the budget spent" in (job.work / "report.html").read_text()
    finished = job.run("--set", "budget.money=100")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert set(job.receipts()) == {"first", "second"}


def test_a_run_that_reaches_its_budget_says_so_in_its_events(clips: tuple[Path, Path], tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(clips[0])], **QUICK, budget=TINY)
    stopped = job.run("--json")
    assert stopped.returncode == 4
    events = [json.loads(line) for line in stopped.stdout.splitlines()]
    assert [event["text"] for event in events if event["event"] == "job_stopping"] == [
        "The budget is spent. Stopping after the current chunks; finished chunks are kept."
    ]
    ended = events[-1]
    assert (ended["event"], ended["budget_reached"], ended["videos_left"]) == ("job_ended", True, 1)
    assert ended["spent_hours"] > ended["budget_hours"] == pytest.approx(1e-6)
    assert job.run("--set", "budget={hours: 1, money: none, price_per_hour: none}").returncode == 0
