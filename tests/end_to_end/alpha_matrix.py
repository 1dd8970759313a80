"""What becomes of alpha, by codec and container: a matrix of docs/carriage.md.

`python -m tests.end_to_end.alpha_matrix` writes it into the page. Debian's ffmpeg, whose libraries are older than those
of the PyAV wheel, says what the outputs have.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.containers import CONTAINERS
from tests.clips.matte import Matte, matte, rgba
from tests.end_to_end.carriage_matrix import PAGE
from tests.end_to_end.running import Job
from tests.page_tables import markdown_rows, with_table

FILM = Matte()
_DECODER = {"vp8": ("-c:v", "libvpx"), "vp9": ("-c:v", "libvpx-vp9")}
"""FFmpeg's own decoders ignore alpha beside packets."""
NO_CELL = "no"


def codec_of(path: Path) -> str:
    """The codec of a file's video, as ffprobe names it."""
    what = ("-select_streams", "v:0", "-show_entries", "stream=codec_name", "-of", "csv=p=0")
    return subprocess.run(
        ["ffprobe", "-v", "error", *what, str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()


def alpha_of(path: Path, size: tuple[int, int] = FILM.size) -> NDArray[np.uint8]:
    """Alpha of every frame in 8 bits, [N, H, W], as ffmpeg decodes it; opaque if there is none."""
    command = ["ffmpeg", "-v", "error", *_DECODER.get(codec_of(path), ()), "-i", str(path)]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgba", "-")
    answer = subprocess.run([*command, *raw], capture_output=True, check=True)
    return np.frombuffer(answer.stdout, np.uint8).reshape(-1, size[1], size[0], 4)[..., 3]


def outcome(folder: Path, suffix: str) -> dict[str, str]:
    """The cells of a container, by codec: kept, named as dropped, not possible, or LOST."""
    codecs = [codec for codec in CODECS if codec in CONTAINERS[suffix].codecs]
    inputs = []
    for codec in codecs:
        source = folder / f"{codec}{FILM.suffix}"
        source.write_bytes(matte(FILM))
        inputs.append({"uri": str(source), "encode": {"codec": codec, "preset": "ultrafast"}})
    job = Job(folder).write(
        inputs,
        output={"uri": f"{folder}/out/{{stem}}{suffix}"},
        interpolate={"method": "blend"},
        retime={"slowdown": 2},
    )
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    receipts = job.receipts()
    found = {codec: _cell(folder / "out" / f"{codec}{suffix}", receipts[codec].notes) for codec in codecs}
    return {codec: found.get(codec, NO_CELL) for codec in CODECS}


def _cell(path: Path, notes: tuple[str, ...]) -> str:
    found = alpha_of(path)
    source = np.stack([rgba(number, FILM.size)[..., 3] for number in range(FILM.num_frames)])
    made = np.rint((source[:-1].astype(float) + source[1:]) / 2)
    errors = np.abs(found[::2] - source.astype(float)).mean(), np.abs(found[1:-1:2] - made).mean()
    if max(errors) < (1.5 if codec_of(path) == "vp9" else 0.51):
        return "kept"
    return "dropped, named" if "transparency is not kept" in " ".join(notes) and (found == 255).all() else "LOST"


def with_matrix(page: str, outcomes: Mapping[str, Mapping[str, str]]) -> str:
    """Return the page with its table as the outcomes, by suffix and codec, have it."""
    rows = [["", *(f"`{suffix}`" for suffix in outcomes)], ["---"] * (len(outcomes) + 1)]
    rows += [[f"`{codec}`", *(found[codec] for found in outcomes.values())] for codec in CODECS]
    return with_table(page, "alpha", markdown_rows(rows))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        made_here = {suffix: Path(name) / suffix[1:] for suffix in CONTAINERS}
        for one in made_here.values():
            one.mkdir()
        PAGE.write_text(
            with_matrix(PAGE.read_text(), {suffix: outcome(one, suffix) for suffix, one in made_here.items()})
        )
    sys.exit("LOST" in PAGE.read_text())
