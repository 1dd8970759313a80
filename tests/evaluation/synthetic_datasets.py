"""Write small synthetic data sets in the layouts of the published ones.

Frames brighten by the same step from one to the next, so that the mean of two is the frame halfway exactly, and the
nearest is off by a known number of levels.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8]

WIDTH, HEIGHT = 48, 32
STEP = 4
"""Levels from one frame to the next."""
BOX = np.s_[8:24, 10:30]
"""Where UCF101's made frames move: there the step is twice as large, and the mask is black."""


@cache
def ground(seed: int = 0) -> NDArray[np.int64]:
    """A texture between 60 and 99."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.integers(60, 100, (HEIGHT, WIDTH, 3))


def frame(number: int, *, seed: int = 0) -> Samples:
    """The frame of this number."""
    return (ground(seed) + STEP * number).astype(np.uint8)


def encoded(samples: Samples, codec: str = "png", form: str = "rgb24") -> bytes:
    """A picture file's bytes."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = samples.shape[1], samples.shape[0]  # type: ignore[attr-defined]
    context.pix_fmt, context.time_base = form, Fraction(1, 25)  # type: ignore[attr-defined]
    kind = "rgb24" if samples.ndim == 3 else "gray"
    picture = av.VideoFrame.from_ndarray(samples, format=kind).reformat(format=form)
    return b"".join(bytes(packet) for given in (picture, None) for packet in context.encode(given))  # type: ignore[attr-defined]


def put(path: Path, samples: Samples) -> None:
    """Write a picture, as its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jpg":
        path.write_bytes(encoded(samples, "mjpeg", "yuvj444p"))
    else:
        path.write_bytes(encoded(samples, "png", "rgb24" if samples.ndim == 3 else "gray"))


def ucf101(folder: Path) -> None:
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[BOX] = 0
    for sequence in ("1", "11", "2"):
        for number, name in enumerate(("frame_00", "frame_01_gt", "frame_02")):
            samples = frame(number)
            samples[BOX] += np.uint8(STEP * number)
            put(folder / "ucf101_interp_ours" / sequence / f"{name}.png", samples)
        put(folder / "motion_masks_ucf101_interp" / sequence / "motion_mask.png", mask)


def middlebury(folder: Path) -> None:
    scenes = "Beanbags Dimetrodon DogDance Grove2 Grove3 Hydrangea MiniCooper RubberWhale Urban2 Urban3 Venus Walking"
    for seed, scene in enumerate(scenes.split()):
        put(folder / "other-data" / scene / "frame10.png", frame(0, seed=seed))
        put(folder / "other-data" / scene / "frame11.png", frame(2, seed=seed))
        put(folder / "other-gt-interp" / scene / "frame10i11.png", frame(1, seed=seed))


def _vimeo(folder: Path, file: str, length: int) -> None:
    names = ("00001/0389", "00002/0001")
    folder.mkdir(exist_ok=True)
    (folder / file).write_text("\n".join(names) + "\n\n")
    for name in names:
        for number in range(1, length + 1):
            put(folder / "sequences" / name / f"im{number}.png", frame(number))


def vimeo_triplet(folder: Path) -> None:
    _vimeo(folder, "tri_testlist.txt", 3)


def vimeo_septuplet(folder: Path) -> None:
    _vimeo(folder, "sep_testlist.txt", 7)


def adobe240(folder: Path) -> None:
    for clip in ("0", "1", "10"):
        for number in range(12):
            put(folder / "test" / clip / f"{number + 1:09}.jpg", np.full((32, 48, 3), 40 + STEP * number, np.uint8))


def snu_film(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for step, part in enumerate(("easy", "medium", "hard", "extreme"), start=1):
        lines = []
        for scene in ("GOPRO_test/GOPR0384_11_00", "YouTube_test/0000"):
            numbers = (10 - step, 10, 10 + step)
            lines.append(" ".join(f"data/SNU-FILM/test/{scene}/{number:06}.png" for number in numbers))
            for number in numbers:
                put(folder / "test" / scene / f"{number:06}.png", frame(number))
        (folder / f"test-{part}.txt").write_text("\n".join(lines) + "\n")


def xiph(folder: Path) -> None:
    clips = "BoxingPractice Crosswalk DrivingPOV FoodMarket FoodMarket2 RitualDance SquareAndTimelapse Tango"
    (folder / "netflix").mkdir(parents=True)
    for number in range(1, 101):
        data = encoded(np.full((HEIGHT, WIDTH, 3), 20 + 2 * number, np.uint8))
        for clip in clips.split():
            (folder / "netflix" / f"{clip}-{number:03}.png").write_bytes(data)


def x4k1000fps(folder: Path) -> None:
    data = [encoded((ground() + 2 * number).astype(np.uint8)) for number in range(33)]
    for scene in ("Type1/TEST01_003_f0433", "Type2/TEST06_001_f0273", "Type3/TEST11_078_f4977"):
        place = folder / "test" / scene
        place.mkdir(parents=True)
        for number, picture in enumerate(data):
            (place / f"{number:04}.png").write_bytes(picture)


WRITERS: dict[str, Callable[[Path], None]] = {
    "ucf101": ucf101,
    "middlebury": middlebury,
    "vimeo-triplet": vimeo_triplet,
    "vimeo-septuplet": vimeo_septuplet,
    "adobe240": adobe240,
    "snu-film": snu_film,
    "xiph": xiph,
    "x4k1000fps": x4k1000fps,
}
"""By layout, what writes it into a folder."""
