"""`preview`: the seconds with the most motion, beside the source."""

import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from slomo_batch.cli.main import main

SIZE = (48, 64)
RATE = 10
MOVING = range(20, 30)
"""Frames in which a square moves; before and after it rests."""
BLEND = ("--method", "blend", "--preset", "ultrafast")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "10", "g": "8"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(50):
            picture = np.full((*SIZE, 3), 40 if number < 40 else 200, dtype=np.uint8)  # a cut, which is no motion
            left = 4 * min(max(number - MOVING.start, 0), len(MOVING))
            picture[16:32, left : left + 16] = 250
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8) for frame in container.decode(video=0)]


def num_changes(frames: list[NDArray[np.uint8]]) -> int:
    return sum(float(np.abs(a.astype(int) - b).mean()) > 1 for a, b in pairwise(frames))


def test_it_shows_the_moving_part_beside_the_held_source_frames(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", "film.mp4", *BLEND, "--seconds", "1", "--slowdown", "2"]) == 0
    shown = capsys.readouterr().out
    assert "wrote film.preview.mp4 (1 s from " in shown
    assert "converting 1 s from " in shown
    assert not any(words in shown for words in ("convert-", "work in", "1 video published", "after.mkv"))
    frames = frames_of(tmp_path / "film.preview.mp4")
    assert len(frames) == 2 * RATE
    assert frames[0].shape == (SIZE[0], 2 * SIZE[1] + 4)
    before, after = ([frame[:, part] for frame in frames] for part in (slice(0, 64), slice(68, 132)))
    assert num_changes(before) in range(7, RATE + 1), "one of each source frame, and most of the second moves"
    assert num_changes(after) > 1.5 * num_changes(before)
    with av.open("film.preview.png") as container:
        strip = next(container.decode(video=0))
    assert (strip.height, strip.width) == (2 * SIZE[0] + 4, 5 * SIZE[1] + 4 * 4)
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4", "film.preview.mp4", "film.preview.png"}


def test_the_part_can_be_chosen_and_nothing_is_overwritten(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["preview", "film.mp4", "part.mp4", *BLEND, "--at", "1s", "--seconds", "0.5", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["at_s"], found["seconds"], found["num_frames"]) == (1.0, 0.5, 20)
    assert main(words) == 2
    assert "part.mp4: the file exists" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--at", "0:04.8"]) == 0, "the end of the video comes first"
    assert len(frames_of(tmp_path / "part.mp4")) == 2 * 4


def test_settings_that_only_the_conversion_can_have_are_accepted(source: Path, tmp_path: Path) -> None:
    words = ("--method", "flow", "--doubt", "blend", "--preset", "ultrafast", "--at", "2s", "--seconds", "0.3")
    assert main(["preview", "film.mp4", *words]) == 0
    assert len(frames_of(tmp_path / "film.preview.mp4")) == 4 * 3


def test_a_source_half_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with av.open("narrow.mkv", "w") as container:
        stream = container.add_stream("rawvideo", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = 16, 6, "yuv420p"
        for number in range(3):
            picture = np.full((16, 6, 3), 40 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert main(["preview", "narrow.mkv", *BLEND]) == 1, "lossless FFV1 needs 8 pixels"
    assert "shows the source cannot be made: ffv1 needs at least 8 pixels" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"narrow.mkv"}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["none.mp4"], "none.mp4: no such file"),
        (["film.mp4", "out.mkv"], "must end in .mp4"),
        (["film.mp4", "--start", "1"], "unknown option --start; did you mean --at?"),
        (["film.mp4", "--duration", "1"], "unknown option --duration; did you mean --seconds?"),
        (["film.mp4", "--at", "5"], "film.mp4: --at is 5.000 s, but the video lasts 5.000 s"),
        (["film.mp4", "--at", "soon"], "--at"),
        (["film.mp4", "--slowdown", "0"], "--slowdown 0: must be at least 1"),
    ],
)
def test_a_wrong_preview_is_refused(
    words: list[str], error: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", *words]) == 2
    assert error in capsys.readouterr().err
