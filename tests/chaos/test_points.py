"""The driver killed before and after every write: the next run finishes the job as if nothing had happened.

POINTS names every write of a whole job: the operation, the kind of key, the package. An undisturbed run must make
exactly these, and they must touch every kind of key that Layout has: a kind added there without a name here fails.
"""

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest

from slomo_batch.storage.work_layout import Layout
from tests.chaos.drivers import OUTPUT, OUTPUT_PROBE, Strike, key_kinds
from tests.chaos.staging import Made, Stage, of_everything, quick_folder
from tests.clips.catalogue import clip

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
EXIT_SOME_FAILED = 1
KILLED = -signal.SIGKILL

FROM_NOTHING = """
    put probe by scheduler.preflight
    create probe by scheduler.preflight
    create probe by storage.capability
    delete probe by scheduler.preflight
    delete probe by storage.capability
    create epoch by scheduler.leases
    put heartbeat by scheduler.leases
    create job by steps.job_pin
    put weights by steps.job_pin
    create weights_pin by steps.job_pin
    put output_probe by scheduler.preflight
    put upload by scheduler.preflight
    delete upload by scheduler.preflight
    delete output_probe by scheduler.preflight
    create survey by steps.stored_survey
    put index by steps.open
    create pin by steps.open
    put failure by scheduler.event_recorder
    put chunk by steps.split
    put audio_source by steps.split
    put segment by steps.interpolate
    put strip by steps.interpolate
    create commit by steps.interpolate
    put lane by steps.split
    delete choice by steps.split
    put audio_attempt by steps.audio
    create audio_commit by steps.audio
    create choice by steps.stitch
    put publishing by steps.output_ownership
    put output by steps.stitch
    put upload by steps.stitch
    delete upload by steps.stitch
    put owned by steps.output_ownership
    put output by steps.sidecar
    put upload by steps.sidecar
    delete upload by steps.sidecar
    create receipt by steps.stitch
    delete chunk by steps.stitch
    delete segment by steps.stitch
    delete audio_attempt by steps.stitch
    delete audio_source by steps.stitch
    put progress by scheduler.event_recorder
    put report by commands.report
    put ledger_part by commands.run_start
    put ledger_part by commands.ledger_parts
    delete ledger_part by commands.ledger_parts
"""
"""Writes of a job that starts from nothing."""
MADE_AGAIN = """
    delete receipt by steps.open
    delete commit by steps.existing_work
    delete choice by steps.existing_work
    delete audio_commit by steps.existing_work
    create receipt by steps.stitch
    put output by steps.stitch
"""
"""Some writes of a job whose outputs were deleted after its end."""
CHANGED = """
    delete receipt by steps.stitch
    delete publishing by steps.stitch
    put publishing by steps.output_ownership
    put output by steps.stitch
    put owned by steps.output_ownership
    create receipt by steps.stitch
"""
"""Some writes of a job with a source that changed after its end."""
SECOND = ("create commit by steps.interpolate", "put chunk by steps.split", "create receipt by steps.stitch")
"""Writes at whose second occurrence the driver is killed too: some work is done by then."""

RETRIED = """
    delete failure by commands.triage
    put failure by scheduler.event_recorder
"""
"""Some writes of a job that retries its failed videos."""
OPTIONS = {"retried": ("--retry-failed",)}
"""Arguments of the driver that is killed, by situation."""

Situation = Literal["from nothing", "made again", "source changed", "retried"]


def names(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@dataclass(frozen=True)
class Point:
    """The write at which a driver is killed."""

    situation: Situation
    strike: Strike

    def __str__(self) -> str:
        return f"{self.strike}, {self.situation}"


def _points() -> list[Point]:
    wanted: list[tuple[Situation, str, int]] = [("from nothing", name, 1) for name in names(FROM_NOTHING)]
    wanted += [("from nothing", name, 2) for name in SECOND]
    wanted += [("made again", name, 1) for name in names(MADE_AGAIN)]
    wanted += [("source changed", name, 1) for name in names(CHANGED)]
    wanted += [("retried", name, 1) for name in names(RETRIED)]
    return [
        Point(situation, Strike(write=name, occurrence=number, moment=moment, how=signal.SIGKILL))
        for situation, name, number in wanted
        for moment in ("before", "after")
    ]


@dataclass(frozen=True)
class Quiet:
    """The stage, and the results of an undisturbed run."""

    stage: Stage
    made: dict[Situation, Made]
    writes: frozenset[str]


@pytest.fixture(scope="module")
def quiet() -> Iterator[Quiet]:
    with quick_folder("points") as folder:
        stage = of_everything(folder)
        stage.keep("from nothing")
        code, driver = stage.drivers.run()
        assert code == EXIT_SOME_FAILED, driver.output
        made = stage.made()
        assert set(made.receipts) == {"sound", "moved", "one"}
        stage.keep("retried")
        shutil.rmtree(stage.job.outputs)
        stage.keep("made again")
        stage.set_back("retried")
        stage.source("sound").write_bytes(clip("two_tracks").data)
        stage.keep("source changed")
        code, changed = stage.drivers.run()
        assert code == EXIT_SOME_FAILED, changed.output
        changed_outputs = stage.made().outputs.items() ^ made.outputs.items()
        assert sorted(name for name, _ in changed_outputs) == [*2 * ["sound.mkv"], *2 * ["sound.mkv.slomo.json"]]
        yield Quiet(
            stage,
            {"from nothing": made, "made again": made, "retried": made, "source changed": stage.made()},
            frozenset(driver.writes),
        )


def test_every_write_of_a_job_has_a_name_here(quiet: Quiet) -> None:
    assert quiet.writes == set(names(FROM_NOTHING))


def test_the_job_writes_every_kind_of_key(quiet: Quiet) -> None:
    assert Layout.__doc__
    touched = {name.split()[1] for name in names(FROM_NOTHING)}
    assert touched == {*key_kinds(quiet.stage.job.name), OUTPUT, OUTPUT_PROBE}


@pytest.mark.parametrize("point", _points(), ids=str)
def test_a_job_whose_driver_is_killed_at_any_write_ends_with_the_same_results(point: Point, quiet: Quiet) -> None:
    stage = quiet.stage
    stage.set_back(point.situation)
    before = stage.commits()
    code, driver = stage.drivers.run(*OPTIONS.get(point.situation, ()), strikes=[point.strike])
    assert code == KILLED, driver.output
    committed = stage.commits()
    resumed, successor = stage.drivers.run()
    assert resumed == EXIT_SOME_FAILED, successor.output
    assert "Traceback" not in successor.output
    assert stage.made() == quiet.made[point.situation]
    new = {chunk: attempt for chunk, attempt in committed.items() if before.get(chunk) != attempt}
    assert new.items() <= stage.commits().items(), "what was committed is not made again"
