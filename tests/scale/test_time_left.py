"""The time left that a job shows, in virtual time: right from the first quarter on, and never "0 s" before the end."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.scale.models import Archive, Models
from tests.scale.running import Ran, simulate

QUIET = Models(
    num_videos=1,
    num_chunks=1,
    num_workers=1,
    life_s=1e9,
    process_life_s=1e9,
    errors=0.0,
    straggling=0.0,
    slow_share=0.0,
)
"""Nothing goes wrong."""
TEN_MINUTES = {
    "one video, one worker": replace(
        QUIET, num_videos=1, num_chunks=28, num_workers=1, workers_per_machine=1, spread=0.0
    ),
    "one video, chunks of a minute, two workers": replace(
        QUIET, num_videos=1, num_chunks=20, num_workers=2, workers_per_machine=2, chunk_s=60.0, spread=0.0
    ),
    "an archive, four workers": replace(QUIET, num_videos=24, num_chunks=120, num_workers=4, spread=0.1),
    "an archive of which most is opened later": replace(
        QUIET, num_videos=200, num_chunks=400, num_workers=12, start_s=10.0, spread=0.1
    ),
}
LOSSES = Models(
    num_videos=8, num_chunks=80, num_workers=4, workers_per_machine=1, start_s=10.0, life_s=400.0, process_life_s=400.0
)


def ran(models: Models, tmp_path: Path) -> Ran:
    models = replace(models, report_s=1.0, num_poison=0, num_undecodable=0)
    return simulate(models, Archive.of(models), tmp_path)


@pytest.mark.parametrize("name", TEN_MINUTES)
def test_the_time_left_of_ten_minutes_settles_within_15_percent(name: str, tmp_path: Path) -> None:
    result = ran(TEN_MINUTES[name], tmp_path)
    end_s = result.makespan_s
    assert 400 < end_s < 1200
    late_s = end_s - max(90, 2.5 * TEN_MINUTES[name].chunk_s)  # then the last chunks decide
    settled = [(at_s, shown) for at_s, shown in result.snapshots if end_s / 4 <= at_s <= late_s]
    assert settled
    for at_s, shown in settled:
        assert shown.eta_s == pytest.approx(end_s - at_s, rel=0.15), f"at {at_s:.0f} s of {end_s:.0f} s"
    late = [shown for at_s, shown in result.snapshots if late_s < at_s < end_s]
    assert all(shown.eta_s is not None and shown.eta_s >= 1.0 for shown in late)


def test_frames_rise_within_chunks_and_fall_only_for_attempts_that_failed(tmp_path: Path) -> None:
    result = ran(LOSSES, tmp_path)
    assert result.seen["chunks lost"] > 0
    shown = [snapshot for _, snapshot in result.snapshots]
    made = [snapshot.frames_done + snapshot.frames_in_progress for snapshot in shown]
    assert made[-1] == shown[-1].frames_total == shown[-1].frames_expected
    for (before, earlier), (after, later) in pairwise(zip(made, shown, strict=True)):
        assert after >= before or later.faults > earlier.faults
        assert later.fraction >= earlier.fraction or later.faults > earlier.faults
    assert len(set(made)) > 10 * len({snapshot.chunks_done for snapshot in shown}) / 2
