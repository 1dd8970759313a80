"""Alpha of each kind of source arrives, judged by Debian's ffmpeg, or is named as dropped, as docs/carriage.md says."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.plan.containers import CONTAINERS
from tests.clips.matte import Matte, matte
from tests.end_to_end.alpha_matrix import alpha_of, outcome
from tests.end_to_end.carriage_matrix import documented
from tests.end_to_end.running import Job, cli

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg: apt install ffmpeg")


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_the_matrix_of_the_manual_is_what_ffmpeg_finds(tmp_path: Path, suffix: str) -> None:
    found = outcome(tmp_path, suffix)
    assert {f"`{codec}`": cell for codec, cell in found.items()} == documented("alpha", suffix)
    assert "LOST" not in found.values()


PRORES = Matte(codec="prores_ks", pix_fmt="yuva444p10le", options={"profile": "4444"})
SOURCES = {
    "animation": Matte(),
    "prores": PRORES,
    "png": Matte(codec="png", pix_fmt="rgba"),
    "png_16": Matte(codec="png", pix_fmt="rgba64be"),
    "png_palette": Matte(codec="png", pix_fmt="pal8"),
    "png_gray": Matte(codec="png", pix_fmt="ya8"),
    "ffv1": Matte(suffix=".mkv", codec="ffv1", pix_fmt="bgra"),
    "ffv1_subsampled": Matte(suffix=".mkv", codec="ffv1", pix_fmt="yuva420p"),
    "ffv1_10": Matte(suffix=".mkv", codec="ffv1", pix_fmt="gbrap10le"),
    "ffv1_16": Matte(suffix=".mkv", codec="ffv1", pix_fmt="yuva444p16le"),
    "utvideo": Matte(suffix=".avi", codec="utvideo", pix_fmt="gbrap"),
    "vp9": Matte(suffix=".webm", codec="libvpx-vp9", pix_fmt="yuva420p", options={"crf": "20", "b": "0", "g": "3"}),
    "vp8": Matte(suffix=".webm", codec="libvpx", pix_fmt="yuva420p", options={"b": "1M", "auto-alt-ref": "0"}),
    "gif": Matte(suffix=".gif", codec="gif", pix_fmt="pal8"),
}


def test_alpha_of_prores_4444_arrives_in_prores_4444(tmp_path: Path) -> None:
    """It is decoded at 12 bits and encoded from 10."""
    source, output = tmp_path / "film.mov", tmp_path / "out.mov"
    source.write_bytes(matte(PRORES))
    encode = "--set", "encode.codec=prores"
    run = cli("convert", str(source), str(output), "--slowdown", "2", "--method", "blend", *encode)
    assert run.returncode == 0, run.stdout + run.stderr
    errors = alpha_of(output)[::2].astype(int) - alpha_of(source)
    assert abs(errors).max() <= 1


def test_alpha_of_every_kind_of_source_arrives(tmp_path: Path) -> None:
    """Alpha of source frames is untouched, and no kind is read as opaque. FFV1 of 8 to 16 bits keeps the depth,
    except for 12 bits, which Debian's ffmpeg does not read."""
    for name, film in SOURCES.items():
        (tmp_path / f"{name}{film.suffix}").write_bytes(matte(film))
    job = Job(tmp_path).write(
        [str(tmp_path / f"{name}{film.suffix}") for name, film in SOURCES.items()],
        interpolate={"method": "blend"},
        retime={"slowdown": 2},
        encode={"codec": "ffv1"},
    )
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    receipts = job.receipts()
    for name, film in SOURCES.items():
        source, found = (alpha_of(path) for path in (tmp_path / f"{name}{film.suffix}", job.outputs / f"{name}.mkv"))
        assert source.min() <= 1, name  # swscale 5.1 reads 0 of 10 bits as 1 of 8
        assert np.array_equal(found[: 2 * film.num_frames : 2], source), name
        assert not any("transparency" in note for note in receipts[name].notes), name
