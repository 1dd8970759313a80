"""X4K1000FPS (Sim et al. 2021), the test set at 8x: fifteen scenes of 33 frames of 4096 x 2160.

    test/Type1/TEST01_003_f0433/0000.png ... 0032.png, five scenes in each of three types; the folder test is optional

In each scene, frames 0 and 32 are kept, and 4, 8, ..., 28 are predicted. Frames are in the order of their names.
"""

from fractions import Fraction
from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, incomplete_error, path_within

NAME = "x4k1000fps"
NUM_FRAMES = 33
FACTOR = 8
STEP = (NUM_FRAMES - 1) // FACTOR


def _cases(folder: Path) -> list[BenchmarkCase]:
    base = folder / "test" if (folder / "test").is_dir() else folder
    scenes = {scene: sorted(scene.glob("*.png")) for scene in sorted(base.glob("*/*")) if scene.is_dir()}
    odd = [scene for scene, frames in scenes.items() if len(frames) != NUM_FRAMES]
    if odd:
        problems = [
            f"{path_within(scene, folder)} has {len(scenes[scene])} frames (.png) instead of {NUM_FRAMES}"
            for scene in odd
        ]
        raise incomplete_error(NAME, folder, problems)
    return [
        BenchmarkCase(
            name=f"{scene.parent.name}/{scene.name}",
            i0=frames[0],
            i1=frames[-1],
            truths=tuple(frames[STEP:-1:STEP]),
            times=tuple(Fraction(number, FACTOR) for number in range(1, FACTOR)),
        )
        for scene, frames in scenes.items()
    ]


X4K1000FPS = Dataset(name=NAME, markers=("Type1", "test/Type1"), evaluators=("XVFI",), num_published=15, cases=_cases)
