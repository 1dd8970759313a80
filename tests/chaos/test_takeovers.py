"""Two hundred takeovers: a driver freezes past its expiry at some write, another takes the job, the first one wakes.

It wakes after the successor has ended, or while the successor is frozen during its work. In both cases the job
must end as after an undisturbed run. The processes are real; only heartbeats and expiry are a hundred times faster.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from slomo_batch.report.events import JobStatus
from slomo_batch.report.ledger import read_ledger
from slomo_batch.serialization import from_json
from tests.chaos.drivers import Strike
from tests.chaos.staging import Made, Stage, of_everything, of_one_clip, quick_folder

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
NUM_RACES = int(os.environ.get("SLOMO_TAKEOVERS", "200"))
HASTE = 100.0
UNCLEAR = {"put heartbeat by scheduler.leases", "put progress by scheduler.event_recorder"}
"""Writes whose number depends on the duration of the run."""
TAKEN, SOME_FAILED, DONE = 3, 1, 0


@dataclass(frozen=True)
class Quiet:
    """The stage, what an undisturbed run makes, and its writes."""

    stage: Stage
    made: Made
    writes: list[str]


@pytest.fixture(scope="module")
def quiet() -> Iterator[Quiet]:
    with quick_folder("takeovers") as folder:
        stage = of_one_clip(folder, haste=HASTE)
        stage.keep("nothing")
        code, driver = stage.drivers.run()
        assert code == DONE, driver.output
        yield Quiet(stage, stage.made(), driver.writes)


def freeze(chance: random.Random, writes: list[str]) -> Strike:
    """A freeze before or after one of the writes of a run, all equally likely."""
    number = chance.randrange(len(writes))
    name = writes[number]
    occurrence = 1 if name in UNCLEAR else Counter(writes[: number + 1])[name]
    moment: Literal["before", "after"] = "before" if chance.random() < 0.5 else "after"
    return Strike(write=name, occurrence=occurrence, moment=moment, how=signal.SIGSTOP)


@pytest.mark.parametrize("seed", range(NUM_RACES))
def test_a_driver_woken_after_its_expiry_changes_nothing(seed: int, quiet: Quiet) -> None:
    chance, stage = random.Random(seed), quiet.stage
    stage.set_back("nothing")
    holder_freezes, successor_freezes = freeze(chance, quiet.writes), freeze(chance, quiet.writes)
    is_during_work = chance.random() < 0.5
    with stage.drivers.begin(strikes=[holder_freezes]) as holder:
        frozen = holder.wait_until_frozen()
        with stage.drivers.begin(strikes=[successor_freezes] if is_during_work else []) as successor:
            if is_during_work and successor.wait_until_frozen():
                holder.wake()
                codes = [holder.wait()]
                successor.wake()
                codes.append(successor.wait())
            else:
                codes = [successor.wait()]
                holder.wake()
                codes.append(holder.wait())
        events = f"{holder_freezes}; {successor_freezes if is_during_work else 'woken at the end'}; {frozen}, {codes}"
        words = f"{events}\n--- holder\n{holder.output}\n--- successor\n{successor.output}"
    assert set(codes) <= {DONE, TAKEN}, words
    assert DONE in codes, words
    assert "Traceback" not in words
    assert "ProgramFault" not in words
    if "report" not in stage.made().keys:  # the holder recorded its work only after the successor had found all done
        assert stage.drivers.run()[0] == DONE, words
    assert stage.made() == quiet.made, words
    expect_memory_of_the_whole(stage, words)


def test_a_video_given_up_by_a_driver_woken_after_its_expiry_does_not_wait(tmp_path: Path) -> None:
    stage = of_everything(tmp_path, haste=HASTE)
    gives_up = Strike(write="put failure by scheduler.event_recorder", moment="before", how=signal.SIGSTOP)
    takes_over = Strike(write="put heartbeat by scheduler.leases", moment="before", how=signal.SIGSTOP)
    with stage.drivers.begin(strikes=[gives_up]) as holder:
        assert holder.wait_until_frozen(), holder.output
        with stage.drivers.begin(strikes=[takes_over]) as successor:  # it is killed before it starts a video
            assert successor.wait_until_frozen(), successor.output
            holder.wake()
            assert holder.wait() == TAKEN, holder.output
    assert not list((stage.job.work / "failures").glob("*.json"))
    code, last = stage.drivers.run()
    assert code == SOME_FAILED, last.output
    assert "failed in an earlier run" not in last.output


def expect_memory_of_the_whole(stage: Stage, words: str) -> None:
    """Check that the ledger holds every chunk and the video, and that the latest status is finished."""
    parts = [path.read_bytes() for path in sorted((stage.job.work / "ledger").glob("*.parquet"))]
    rows = read_ledger(parts).to_pylist()
    attempts = {row["attempt"] for row in rows if row["kind"] == "chunk"}
    assert attempts <= set(stage.commits().values()), words
    progress = max((stage.job.work / "progress").glob("*.json"))
    status = from_json(JobStatus, progress.read_bytes())
    assert (status.state, status.videos_done, status.videos_failed) == ("finished", 1, 0), words
