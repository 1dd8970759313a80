"""Everything beside the pictures is kept, named as dropped or refused, in every container, as docs/carriage.md says."""

import re
import shutil
from pathlib import Path

import pytest

from slomo_batch.plan.containers import CONTAINERS
from tests.end_to_end.carriage_matrix import KINDS, PAGE, outcome

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe: apt install ffmpeg")


def documented(suffix: str) -> dict[str, str]:
    """The column of a container in the matrix of the page."""
    rows = re.findall(r"^\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    table = [row.split(" | ") for row in rows]
    column = table[0].index(f"`{suffix}`")
    return {row[0]: row[column] for row in table[2:]}


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_the_matrix_of_the_manual_is_what_ffprobe_finds(tmp_path: Path, suffix: str) -> None:
    found = outcome(tmp_path, suffix)
    assert {kind.name: found.of(kind) for kind in KINDS} == documented(suffix)
    assert "LOST" not in documented(suffix).values()
