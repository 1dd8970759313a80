"""Preparing downloaded files: what is selected, and that validation and training do not overlap."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from slomo_batch.training import exporting
from slomo_batch.training import prepare as prepare_module
from slomo_batch.training.prepare import (
    FILMS,
    MIN_DETAIL,
    WINDOW_FRAMES,
    FilmPart,
    cut_windows,
    detail,
    largest_of_each,
    load_photographs,
    open_film_windows,
    prepare,
)
from tests.architecture.project import ROOT
from tests.interpolators.footage import texture

CONFIG = ROOT / "jobs" / "train" / "compact.yaml"
Rgb = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.mark.parametrize(
    ("program", "arguments", "says"),
    [
        (prepare_module.main, ["none", "out"], "none/world.mp4 does not exist"),
        (exporting.main, ["none.yaml", "run", "best"], "none.yaml: cannot be read: No such file or directory"),
        (exporting.main, [str(CONFIG), "run", "best"], "run: there is no best.pt: nothing was validated"),
    ],
)
def test_a_missing_input_of_a_program_is_an_error_without_traceback(
    program: Callable[[Sequence[str]], int], arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(arguments) == 2
    assert says in capsys.readouterr().err


def picture(height: int, width: int, *, seed: int = 0) -> Rgb:
    return (texture(height, width, seed=seed).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def moving(num: int, *, speed_px: int = 2, size: tuple[int, int] = (90, 160)) -> list[Rgb]:
    scene = picture(size[0], size[1] + speed_px * num)
    return [scene[:, speed_px * n : speed_px * n + size[1]] for n in range(num)]


def test_windows_are_taken_where_something_moves() -> None:
    found = list(cut_windows(moving(40), ((0, 40),), 10))
    assert [window.shape for window in found] == [(WINDOW_FRAMES, 90, 160, 3)] * 4


def test_stills_and_cuts_are_left_out() -> None:
    still = [picture(90, 160)] * 20
    cut = moving(14, speed_px=1) + [255 - frame for frame in moving(16, speed_px=1)]
    assert list(cut_windows(still, ((0, 20),), 5)) == []
    after_the_cut = list(cut_windows(cut, ((6, 30),), 6))
    assert len(after_the_cut) == 1  # from 18; those from 6 and 12 hold the cut
    assert len(list(cut_windows(cut, ((0, 13),), 13))) == 1


def test_overlapping_windows_and_ranges_are_kept_apart() -> None:
    film = moving(60)
    found = list(cut_windows(film, ((0, 20), (40, 60)), 5))
    starts = [0, 5, 10, 40, 45, 50]
    assert len(found) == len(starts)
    assert all(np.array_equal(window[0], film[start]) for window, start in zip(found, starts, strict=True))


def test_of_one_photograph_in_many_sizes_only_the_largest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_module, "SMALLEST_BYTES", 10)
    sizes = {"a/640x480.jpg": 20, "a/5120x2880.jpg": 50, "b/Sea.png": 30, "b/Sea_3840x2160.png": 40, "b/tiny.png": 5}
    sizes |= {"b/Hill.webp": 11, "b/notes.txt": 99}
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    taken = {str(path.relative_to(tmp_path)) for path in largest_of_each(tmp_path.rglob("*"))}
    assert taken == {"a/5120x2880.jpg", "b/Sea_3840x2160.png", "b/Hill.webp"}


def test_a_gradient_has_no_detail_and_a_texture_has() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], (300, 400, 3))
    assert detail(ramp.copy()) < MIN_DETAIL < detail(picture(300, 400))


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photographs, a thumbnail and a film, as the packages bring them."""
    folder = tmp_path / "fetched"
    (folder / "package").mkdir(parents=True)
    for name, (height, width) in {"wide": (700, 2000), "tall": (900, 800), "small": (300, 400)}.items():
        frame = av.VideoFrame.from_ndarray(picture(height, width, seed=len(name)), "rgb24")
        frame.save(folder / "package" / f"{name}.png")
    with av.open(str(folder / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for frame_HW3 in moving(30, speed_px=1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HW3), "rgb24")))
        container.mux(stream.encode())
    monkeypatch.setattr(prepare_module, "SMALLEST_BYTES", 1000)
    part = FilmPart(name="some", source="film.mp4", size=(80, 44), ranges=((0, 30),), stride=10)
    monkeypatch.setattr(prepare_module, "FILMS", (part,))
    return folder


def test_arrays_are_made_once_and_whole(fetched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    prepare(fetched, folder)
    kept = {path.name: np.load(path).shape for path in (folder / "photographs").iterdir()}
    assert kept == {"package-tall.npy": (900, 800, 3)}, "wide is 448 high once it is 1280 wide"
    assert len(open_film_windows(folder, "some")) == 3
    assert open_film_windows(folder, "some")[0].shape == (WINDOW_FRAMES, 44, 80, 3)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}
    prepare(fetched, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")} == before
    assert not list(folder.rglob("*.partial"))


def test_photographs_of_validation_are_not_those_of_training(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    for number in range(17):
        np.save(tmp_path / "photographs" / f"{number:02}.npy", np.full((2, 2, 3), number, np.uint8))
    training, held_out = (
        {int(image[0, 0, 0]) for image in load_photographs(tmp_path, held_out=held)} for held in (False, True)
    )
    assert held_out == {0, 8, 16}
    assert training == set(range(17)) - held_out


def test_no_frame_of_a_film_is_in_training_and_in_validation_nor_the_public_ladders_scene() -> None:
    used: dict[str, set[int]] = {}
    for part in FILMS:
        if part.source == "bbb.mp4":
            used[part.name] = {frame for first, end in part.ranges for frame in range(first, end)}
    assert not used["film-train"] & used["film-validation"]
    burrow = set(range(550, 1500))
    assert not any(frames & burrow for frames in used.values())
