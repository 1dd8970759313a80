"""From zero machines, the boots of machines for steps and of machines for workers overlap."""

from dataclasses import replace
from pathlib import Path

from slomo_batch.scheduler.dispatch import Dispatch
from tests.scale.models import Archive, Models
from tests.scale.running import Ran, simulate

MODELS = Models(
    num_videos=100,
    num_chunks=2000,
    num_workers=200,
    chunk_s=6.0,
    start_s=150.0,
    num_undecodable=0,
    num_poison=0,
    begins="from zero",
)
"""Machines boot for five minutes on average, as with cluster.yaml; the work itself takes one."""


class WithoutForesight(Dispatch):
    """Dispatch that asks for workers only for chunks whose objects exist."""

    @property
    def foreseen(self) -> int:
        return 0


def ran(models: Models, kind: type[Dispatch], folder: Path, *, num_foreseen: int = 0) -> Ran:
    """The job, simulated."""
    folder.mkdir()
    done = simulate(models, Archive.of(models), folder, kind=kind, num_foreseen=num_foreseen)
    assert len(done.outputs_s) == models.num_videos
    return done


def test_machines_for_workers_start_while_those_for_steps_do(tmp_path: Path) -> None:
    serial = ran(MODELS, WithoutForesight, tmp_path / "serial")
    overlapping = ran(MODELS, Dispatch, tmp_path / "overlapping")
    assert overlapping.makespan_s < serial.makespan_s - MODELS.start_s / 2


def test_machines_for_workers_start_with_the_first_one_that_says_what_it_can_do(tmp_path: Path) -> None:
    models = replace(MODELS, begins="first run", seed=2)
    first_alone = ran(models, Dispatch, tmp_path / "first alone", num_foreseen=1)
    with_others = ran(models, Dispatch, tmp_path / "with others", num_foreseen=models.num_videos)
    assert with_others.makespan_s < first_alone.makespan_s - MODELS.start_s / 2
