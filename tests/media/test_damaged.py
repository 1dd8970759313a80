"""A hundred damaged files: each decodes to its planned frames or fails with a clear reason."""

from pathlib import Path

import pytest

from slomo_batch.errors import ChunkError, FrameMissing, SlomoError, VideoError
from slomo_batch.media import decode_lane
from slomo_batch.records.source_facts import Lane
from tests.clips.damage import damaged
from tests.media.sources import Opened

MAX_HELD_FRAMES = 12


@pytest.fixture(autouse=True)
def allow_any_share_of_held_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """One damaged place spoils a group of pictures, which is more than a tenth of these short clips. Without this, most
    of them would fail early and test nothing else."""
    monkeypatch.setattr(decode_lane, "MAX_HELD_SHARE", 1)


def outcome_of(what: str, data: bytes, lane: Lane | None, folder: Path) -> bool | SlomoError:
    """True if all planned frames were decoded in this lane (by default the one that probing chose), else the error."""
    try:
        opened = Opened.of(what, data)
        num_frames = opened.probe.facts.num_frames
        slices = opened.slices([*range(0, num_frames, 15), num_frames])
        way = lane or opened.probe.facts.lane
        chunks = opened.chunk_hashes(
            opened.split(slices, folder, lane=way, audio=True, max_held_frames=MAX_HELD_FRAMES)
        )
    except (VideoError, ChunkError) as error:
        return error
    return {part.index: len(part.pts) for part in slices} == {index: len(chunk) for index, chunk in chunks.items()}


STREAMS_APPEAR_MIDWAY = (930, 966)
"""Bits flipped in the tables of a transport stream: PyAV stumbles over streams it does not know."""


@pytest.mark.parametrize("number", [*range(100), *STREAMS_APPEAR_MIDWAY])
def test_a_damaged_file_gives_its_frames_or_a_reason(number: int, tmp_path: Path) -> None:
    what, data = damaged(number)
    outcome = outcome_of(what, data, None, tmp_path)
    if isinstance(outcome, FrameMissing):
        outcome = outcome_of(what, data, "decode", tmp_path)
    assert outcome is True or (isinstance(outcome, VideoError) and what in str(outcome))


def test_the_damaged_files_cover_all_kinds_of_outcomes(tmp_path: Path) -> None:
    outcomes = [outcome_of(*damaged(number), None, tmp_path) for number in range(100)]
    assert sum(outcome is True for outcome in outcomes) > 20
    assert sum(isinstance(outcome, VideoError) for outcome in outcomes) > 20
    assert any(isinstance(outcome, FrameMissing) for outcome in outcomes)
