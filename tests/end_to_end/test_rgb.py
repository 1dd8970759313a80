"""RGB sources of every depth keep their colors in every codec that keeps RGB or 4:4:4, judged by Debian's ffmpeg."""

import io
import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from slomo_batch.color.color_spec import LUMA_WEIGHTS
from slomo_batch.media.frames import planar_format
from tests.clips.film import FORMATS
from tests.end_to_end.running import Job

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg: apt install ffmpeg")
SIDE, COLUMNS, ROWS = 16, 8, 8
LATTICE = np.array([(r, g, b) for r in range(4) for g in range(4) for b in range(4)]) / 3
"""The colors of the patches, 0 to 1, corners of the RGB cube included."""
NUM_FRAMES = 3


def rgb(number: int) -> NDArray[np.float64]:
    """Flat patches and, below them, noise that moves, so that frames are made; [H, W, 3], 0 to 1."""
    whole = np.zeros((ROWS * SIDE + 32, COLUMNS * SIDE, 3))
    for place, color in enumerate(LATTICE):
        y, x = place // COLUMNS * SIDE, place % COLUMNS * SIDE
        whole[y : y + SIDE, x : x + SIDE] = color
    noise = np.random.default_rng(2).random((24, 24, 3))
    whole[-28:-4, 16 + 6 * number : 40 + 6 * number] = noise
    return whole


def made(suffix: str, codec: str, pix_fmt: str) -> bytes:
    """A file of these pictures."""
    file: Any = io.BytesIO()
    with av.open(file, "w", format=FORMATS[suffix]) as container:
        video = container.add_stream(codec, rate=Fraction(25))
        assert isinstance(video, VideoStream)
        height, width, _ = rgb(0).shape
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        for number in range(NUM_FRAMES):
            samples = np.rint(rgb(number) * 65535).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(samples, format="rgb48le").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return bytes(file.getvalue())


def decoded(path: Path) -> tuple[str, NDArray[np.float64]]:
    """The pixel format of a file, and its frames as RGB [N, H, W, 3], 0 to 1. ffmpeg decodes, and the definition of the
    matrix converts: swscale has errors of its own."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-select_streams", "v:0", str(path)]
    video = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"][0]
    form = planar_format(video["pix_fmt"])
    layout = video["pix_fmt"] if form.model == "yuv" else form.name  # yuvj444p as yuv444p would lose its range
    raw = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", layout, "-"]
    data = subprocess.run(raw, capture_output=True, check=True).stdout
    height, width, _ = rgb(0).shape
    planes = np.frombuffer(data, "u1" if form.bit_depth == 8 else "<u2").reshape(-1, 3, height, width).astype(float)
    if form.model == "rgb":
        return form.name, np.stack([planes[:, place] for place in (2, 0, 1)], axis=-1) / form.max_value
    unit = 1 << (form.bit_depth - 8)
    is_full = video.get("color_range") == "pc"
    black, span, chroma_span = (0, form.max_value, form.max_value) if is_full else (16 * unit, 219 * unit, 224 * unit)
    red, blue = LUMA_WEIGHTS[video["color_space"]]
    y = (planes[:, 0] - black) / span
    b = y + 2 * (1 - blue) * (planes[:, 1] - 128 * unit) / chroma_span
    r = y + 2 * (1 - red) * (planes[:, 2] - 128 * unit) / chroma_span
    return form.name, np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], axis=-1)


SOURCES = {
    "rgb24": (".mov", "png", "rgb24"),
    "rgb48": (".mov", "png", "rgb48be"),
    "bgr0": (".mkv", "ffv1", "bgr0"),
    "gbrp10": (".mkv", "ffv1", "gbrp10le"),
    "gbrp12": (".mkv", "ffv1", "gbrp12le"),
    "gbrp16": (".mkv", "ffv1", "gbrp16le"),
    "utvideo": (".avi", "utvideo", "gbrp"),
    "animation": (".mov", "qtrle", "rgb24"),
}
OUTPUTS = {
    "ffv1": {"codec": "ffv1"},
    "prores": {"codec": "prores"},
    "h264": {"codec": "h264", "pixel_format": "yuv444p", "preset": "ultrafast"},
    "h264_10": {"codec": "h264", "pixel_format": "yuv444p10le", "preset": "ultrafast"},
    "hevc_12": {"codec": "hevc", "pixel_format": "yuv444p12le", "preset": "ultrafast"},
    "vp9": {"codec": "vp9", "pixel_format": "yuv444p", "preset": "ultrafast"},
}


def converted(folder: Path, files: dict[str, tuple[bytes, str]], encodes: dict[str, dict[str, str]]) -> Job:
    """A job with these files, each with its own `encode`."""
    inputs = []
    for name, (data, suffix) in files.items():
        (folder / f"{name}{suffix}").write_bytes(data)
        inputs.append({"uri": str(folder / f"{name}{suffix}"), "encode": encodes[name]})
    job = Job(folder).write(inputs, interpolate={"method": "blend"}, retime={"slowdown": 2})
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    return job


def test_ffv1_keeps_every_sample_of_every_rgb_source(tmp_path: Path) -> None:
    """Of source frames, and of patches of made frames."""
    films = {name: (made(*source), source[0]) for name, source in SOURCES.items()}
    job = converted(tmp_path, films, dict.fromkeys(films, OUTPUTS["ffv1"]))
    for name, (_, suffix) in films.items():
        (_, source), (form, found) = decoded(tmp_path / f"{name}{suffix}"), decoded(job.outputs / f"{name}.mkv")
        assert form.startswith("gbrp"), name
        assert np.array_equal(found[: 2 * NUM_FRAMES : 2], source), name
        patches = np.s_[: ROWS * SIDE]
        assert all(np.array_equal(frame[patches], source[0][patches]) for frame in found), name


def test_rgb_in_yuv_444_has_no_bias(tmp_path: Path) -> None:
    """The mean signed error over all patches, in code values of 8 bits, in source frames and in made ones."""
    film = made(*SOURCES["gbrp16"])
    job = converted(tmp_path, dict.fromkeys(OUTPUTS, (film, ".mkv")), OUTPUTS)
    wanted = np.stack([rgb(0)[: ROWS * SIDE]])
    for name in OUTPUTS:
        _, found = decoded(job.outputs / f"{name}.mkv")
        errors = (found[:, : ROWS * SIDE] - wanted) * 255
        for kind, of_kind in {"source": errors[::2], "made": errors[1 : 2 * NUM_FRAMES - 2 : 2]}.items():
            bias = of_kind.mean(axis=(0, 1, 2))
            assert abs(bias).max() <= 0.5, f"{name}, {kind}: {bias}"
