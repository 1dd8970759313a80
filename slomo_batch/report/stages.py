"""The stages of a chunk in its worker: their names in the ledger and the metrics, and those that people read."""

from collections.abc import Mapping
from dataclasses import fields

from slomo_batch.records.commits import StageSeconds

STAGES = tuple(field.name for field in fields(StageSeconds) if field.name != "total")
"""As they are stored, in the order of the work."""
_LABELS: Mapping[str, str] = {"judge": "cut detection"}
"""What people read, where that is another word than the stored one."""


def stage_label(stage: str) -> str:
    """The name of a stage for people."""
    return _LABELS.get(stage, stage)
