"""WebM: outputs of VP9 or AV1 with Opus, checked with ffprobe, which decodes every frame."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.clips.film import AudioTone, Film, made
from tests.end_to_end.running import Job

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe: apt install ffmpeg")
ROUNDED = "timestamps in .webm are rounded to 1 ms, so frame times are off by up to 0.5 ms"


def probed(path: Path, *options: str) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", *options, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def converted(folder: Path, film: Film, **sections: Any) -> tuple[Path, Path, tuple[str, ...]]:
    """Source and output of a job with this film, and the notes of the output."""
    source = folder / f"film{film.suffix}"
    source.write_bytes(made(film))
    job = Job(folder).write(
        [str(source)], interpolate={"method": "blend"}, output={"uri": f"{folder}/out/{{stem}}.webm"}, **sections
    )
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    return source, folder / "out" / "film.webm", job.receipts()["film"].notes


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_chunks_of_an_odd_size_are_joined_and_aac_becomes_opus(tmp_path: Path, codec: str) -> None:
    film = Film(
        suffix=".mkv",
        codec="ffv1",
        pix_fmt="yuv420p10le",
        size=(63, 47),
        num_frames=13,
        audio=(AudioTone(language="deu"),),
    )
    encode = {"codec": codec, "preset": "veryfast"}
    _, output, notes = converted(tmp_path, film, encode=encode, retime={"slowdown": 2}, chunks={"pairs": 4})
    video, audio = probed(output, "-show_streams")["streams"]
    assert (video["codec_name"], video["width"], video["height"]) == (codec, 63, 47)
    assert (audio["codec_name"], audio["sample_rate"], audio["tags"]["language"]) == ("opus", "48000", "deu")
    frames = probed(output, "-select_streams", "v", "-show_entries", "frame=pts")["frames"]
    assert [frame["pts"] for frame in frames] == [number * 40 for number in range(26)]
    depth = {"vp9": ("depth is reduced from 10 to 8 bits",), "av1": ()}
    resampled = "audio track 1 (deu): resampled from 44100 to 48000 Hz, which Opus supports"
    assert notes == (*depth[codec], ROUNDED, resampled)


def test_opus_is_copied_if_the_duration_stays(tmp_path: Path) -> None:
    tone = AudioTone(codec="libopus", sample_rate=48_000)
    film = Film(suffix=".webm", codec="libvpx-vp9", num_frames=25, audio=(tone,))
    retime = {"slowdown": 1, "fps": "x2"}
    source, output, notes = converted(tmp_path, film, encode={"codec": "vp9", "preset": "ultrafast"}, retime=retime)
    packets = ("-select_streams", "a", "-show_packets", "-show_data_hash", "crc32", "-show_entries", "packet=data_hash")
    assert probed(output, *packets)["packets"] == probed(source, *packets)["packets"]
    frames = probed(output, "-select_streams", "v", "-show_entries", "frame=pts")["frames"]
    assert [Fraction(frame["pts"], 20) for frame in frames] == list(range(50))
    assert notes == (ROUNDED,)
