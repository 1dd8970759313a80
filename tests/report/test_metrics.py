"""Metrics of a job's events: bounded tags, and no event counted twice."""

import json
import re
from pathlib import Path

from slomo_batch.report.metrics import (
    CHUNKS,
    FAILED,
    FRAMES,
    METRICS,
    OLDEST_WAITING_STEP,
    PREFIX,
    SLOTS,
    STAGE_SECONDS,
    VIDEOS,
    Metric,
    at_the_end,
    samples_of,
    share_samples,
)
from slomo_batch.report.stage_shares import WINDOW_S, StageShares
from slomo_batch.report.stages import STAGES
from tests.report.events import DONE, EVENTS, FINISHED, HOPELESS, LOST, SNAPSHOT

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


def by_tag(metric: Metric, tag: str) -> dict[str, float]:
    return {sample.tags[tag]: sample.value for sample in samples_of(SNAPSHOT) if sample.metric is metric}


def test_a_committed_chunk_counts_its_frames_once_by_kind() -> None:
    frames = {sample.tags["kind"]: sample.value for sample in samples_of(FINISHED) if sample.metric is FRAMES}
    assert frames == {"source": 62, "made": 180, "held_at_cut": 5, "held_repeat": 3, "held_in_doubt": 0}
    assert sum(frames.values()) == DONE.num_frames


def test_a_failed_attempt_counts_by_step_and_error_even_if_its_process_died() -> None:
    failed = [sample for event in (LOST, HOPELESS) for sample in samples_of(event) if sample.metric is FAILED]
    assert [(sample.value, dict(sample.tags)) for sample in failed] == [
        (1, {"step": "interpolate", "error": "WorkerLost"}),
        (1, {"step": "open", "error": "SourceUnreadable"}),
    ]


def test_every_video_and_every_chunk_is_in_one_state() -> None:
    assert by_tag(VIDEOS, "state") == {"waiting": 1195, "open": 3, "done": 1, "failed": 1}
    assert by_tag(CHUNKS, "state") == {"waiting": 20, "ready": 8, "running": 2, "done": 10, "failed": 4}
    assert by_tag(SLOTS, "state") == {"busy": 2, "free": 0}


def test_the_oldest_waiting_step_has_its_age_by_kind() -> None:
    assert by_tag(OLDEST_WAITING_STEP, "step") == {"stitch": 0.0, "sound": 0.0, "split": 12.5, "open": 3.0}


def test_shares_of_stages_are_of_chunks_committed_lately_and_add_up_to_one() -> None:
    shares = StageShares()
    assert shares.shares(0.0) == {}
    for at_s in (0.0, 10.0, 20.0):
        shares.add({"decode": 1.0, "model": 3.0}, at_s)
    shares.add({"decode": 4.0, "model": 0.0}, 600.0)
    assert shares.shares(600.0) == {"decode": 7 / 16, "model": 9 / 16}
    assert shares.shares(20.0 + WINDOW_S) == {"decode": 5 / 8, "model": 3 / 8}, "the first two count together, no more"
    assert shares.shares(601.0 + WINDOW_S) == {}


def test_every_stage_has_a_share_also_without_chunks() -> None:
    samples = list(share_samples({"model": 1.0}))
    assert {sample.tags["stage"]: sample.value for sample in samples} == {**dict.fromkeys(STAGES, 0.0), "model": 1.0}
    assert set(STAGES) == {sample.tags["stage"] for sample in samples_of(FINISHED) if sample.metric is STAGE_SECONDS}
    for sample in [*samples, *at_the_end()]:
        assert tuple(sample.tags) == sample.metric.tags


def test_all_tags_are_declared_and_none_can_name_a_video() -> None:
    for event in EVENTS:
        for sample in samples_of(event):
            assert tuple(sample.tags) == sample.metric.tags
            assert not {"a.mov", "b.mov", "v1", "a1", "node-1"} & set(sample.tags.values())


def test_the_documentation_lists_every_metric_with_its_type_and_tags() -> None:
    lines = [line for line in OPERATIONS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{PREFIX}")]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:4]] for line in lines]
    assert rows == [[PREFIX + metric.name, metric.kind, "`, `".join(metric.tags)] for metric in METRICS]


def test_the_dashboard_asks_for_metrics_and_tags_that_exist() -> None:
    dashboard = json.loads(OPERATIONS.with_name("grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {found for query in queries for found in re.findall(r"ray_slomo_batch_(\w+)", query)}
    assert asked == {metric.name for metric in METRICS} - {"step_seconds_total"}
    for query in queries:
        [name] = re.findall(r"ray_slomo_batch_(\w+)", query)
        [metric] = [metric for metric in METRICS if metric.name == name]
        tags = set(re.findall(r"(\w+)(?:=~|!=|=)", query))
        tags |= {tag.strip() for group in re.findall(r"by \(([^)]*)\)", query) for tag in group.split(",")}
        assert tags <= {"job", *metric.tags}, query
