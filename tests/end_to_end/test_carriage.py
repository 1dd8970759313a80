"""Everything beside the pictures is kept, named as dropped or refused, in every container, as docs/carriage.md says."""

import shutil
from pathlib import Path

import pytest

from slomo_batch.plan.containers import CONTAINERS
from tests.end_to_end.carriage_matrix import KINDS, documented, outcome

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe: apt install ffmpeg")


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_the_matrix_of_the_manual_is_what_ffprobe_finds(tmp_path: Path, suffix: str) -> None:
    found = outcome(tmp_path, suffix)
    assert {kind.name: found.of(kind) for kind in KINDS} == documented("matrix", suffix)
    assert "LOST" not in documented("matrix", suffix).values()
