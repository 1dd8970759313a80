"""The size that a plan estimates of tiny outputs, of which headers and the container are the largest part."""

from pathlib import Path

import pytest

import slomo_batch
from tests.clips.catalogue import clip


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("mkv", "h264"), ("mkv", "av1")])
def test_the_size_of_a_tiny_output_is_estimated_with_its_container(suffix: str, codec: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.mp4").write_bytes(clip("cfr").data)
    manifest = {
        "version": 1,
        "name": "tiny",
        "inputs": [{"uri": str(tmp_path / "tiny.mp4")}],
        "output": {"uri": f"{tmp_path}/{{stem}}.slow.{suffix}"},
        "work": str(tmp_path / "work"),
        "interpolate": {"method": "blend"},
        "encode": {"codec": codec, "preset": "fast"},
        "audio": "drop",
        "cluster": {"address": "inline"},
    }
    [row] = slomo_batch.plan_job(manifest).rows
    [published] = slomo_batch.run(manifest).published
    assert row.output_bytes == pytest.approx(published.size_bytes, rel=0.5)
