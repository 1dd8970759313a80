"""The engine without Ray: a call that hangs is named, since a thread cannot be ended."""

from pathlib import Path

import pytest

from slomo_batch.attempts import Errored
from slomo_batch.errors import AbilityMissing
from slomo_batch.plan.needs import Needs
from slomo_batch.scheduler.inline_engine import InlineEngine
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.scheduler.stuck import stuck
from tests.scheduler.virtual_ray import open_call

HANG_S = 300.0


def test_a_call_that_hangs_is_reported_once_with_its_source_and_step(tmp_path: Path) -> None:
    answers, now_s = tmp_path / "answers", [0.0]
    call = stuck(open_call(), answers)
    context = open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))
    engine = InlineEngine(context, num_slots=1, num_tasks=1, hang_s=HANG_S, clock=lambda: now_s[0])
    engine.start(call)
    notes: list[str] = []
    for _ in range(40):
        assert engine.outcomes(0.0) == []
        now_s[0] += 10.0
        notes += engine.take_notes(at_end=False)
    [note] = notes
    assert note.startswith(f"{call.head.uri}: open has reported nothing for 300 s")
    answers.touch()
    engine.close()
    [(_, ended)] = engine.outcomes(0.0)
    assert isinstance(ended, Errored)
    assert engine.take_notes(at_end=False) == []


def test_a_machine_that_lacks_the_encoder_of_a_job_that_began_elsewhere_ends_it_with_the_reason(tmp_path: Path) -> None:
    context = open_context(JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job"))
    engine = InlineEngine(context, num_slots=1, num_tasks=1, hang_s=HANG_S)
    engine.require(Needs(precisions=frozenset({"bf16"}), gpu=True, memory_bytes=1 << 60))
    with pytest.raises(AbilityMissing, match=r"this machine lacks a_nvenc, .* or set encode\.encoder: software"):
        engine.require(Needs(encoders=frozenset({"a_nvenc"})))
    engine.close()
