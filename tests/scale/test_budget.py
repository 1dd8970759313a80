"""A budget in virtual time: a job stops soon after it is reached, and a larger one lets it go on where it was."""

from pathlib import Path

import pytest

from slomo_batch.report.ledger import read_ledger
from slomo_batch.report.spent_hours import spent_hours
from slomo_batch.scheduler.budget_meter import BudgetMeter
from tests.scale.committed import Committed
from tests.scale.models import Archive, Models
from tests.scale.running import Ran, simulate

JOB = Models(
    num_videos=40,
    num_chunks=300,
    num_workers=8,
    start_s=10.0,
    life_s=2000.0,
    process_life_s=2000.0,
    errors=0.02,
    num_poison=0,
    num_undecodable=0,
)
"""On two machines, which come and go, for half a machine hour."""


class Budgeted:
    """A job that is run again and again, with other budgets."""

    def __init__(self, folder: Path) -> None:
        self.archive, self.committed = Archive.of(JOB), Committed()
        self._folder, self._epoch = folder, 0

    def run(self, limit_hours: float) -> tuple[Ran, BudgetMeter]:
        self._epoch += 1
        meter = BudgetMeter(limit_hours=limit_hours, earlier_hours=self.recorded_hours)
        ran = simulate(JOB, self.archive, self._folder, meter=meter, committed=self.committed, epoch=self._epoch)
        return ran, meter

    @property
    def recorded_hours(self) -> float:
        """What the ledger says."""
        return spent_hours(read_ledger(path.read_bytes() for path in self._folder.iterdir()))

    @property
    def num_chunks(self) -> int:
        return sum(map(len, self.committed.chunks.values()))


@pytest.fixture
def job(tmp_path: Path) -> Budgeted:
    return Budgeted(tmp_path)


def test_a_job_stops_when_its_budget_is_reached_and_goes_on_with_a_larger_one(job: Budgeted) -> None:
    """The engine asserts that no chunk is made and no video published twice."""
    _, first = job.run(0.2)
    num_published, num_chunks = len(job.committed.published), job.num_chunks
    assert 0 < num_published < JOB.num_videos
    assert 0 < num_chunks < JOB.num_chunks
    slowest_s = JOB.slots * float(job.archive.work_s.max()) / 0.4 * 2  # on a slow worker, and once repeated
    assert 0.2 <= first.spent_hours < 0.2 + 2 * slowest_s / 3600
    assert job.recorded_hours == pytest.approx(first.spent_hours, abs=1e-5)
    whole, second = job.run(10.0)
    assert job.committed.published == set(range(JOB.num_videos))
    assert job.num_chunks == JOB.num_chunks
    assert len(whole.outputs_s) == JOB.num_videos - num_published
    assert second.earlier_hours == pytest.approx(first.spent_hours, abs=1e-5)
    assert not second.is_reached
    assert job.recorded_hours == pytest.approx(second.spent_hours, abs=1e-5)


def test_the_rest_costs_about_what_a_stopped_run_says(job: Budgeted) -> None:
    stopped, first = job.run(0.25)
    _, second = job.run(10.0)
    assert stopped.hours_left == pytest.approx(second.spent_hours - first.spent_hours, rel=0.3)


def test_what_is_spent_at_the_start_dispatches_nothing(job: Budgeted) -> None:
    _, first = job.run(0.2)
    before = job.num_chunks, len(job.committed.published)
    ran, again = job.run(0.2)
    assert again.run_s <= 0.5, "one turn of the driver"
    assert ran.outputs_s == []
    assert (job.num_chunks, len(job.committed.published)) == before
    assert job.recorded_hours == pytest.approx(first.spent_hours, abs=1e-3)


def test_the_progress_shows_what_is_spent(job: Budgeted) -> None:
    ran, meter = job.run(0.2)
    spent = [snapshot.spent_hours for _, snapshot in ran.snapshots]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(meter.spent_hours, abs=1e-5)
    assert {snapshot.budget_hours for _, snapshot in ran.snapshots} == {0.2}
    phases = [snapshot.phase for _, snapshot in ran.snapshots if snapshot.spent_hours >= 0.2]
    assert set(phases) == {"stopping"}
