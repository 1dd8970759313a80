"""Middlebury's "other" set (Baker et al. 2011): twelve scenes with a published middle frame.

other-data/Beanbags/frame10.png  frame11.png          only these two frames are needed
other-gt-interp/Beanbags/frame10i11.png
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset

NAME = "middlebury"
SCENES = (
    "Beanbags", "Dimetrodon", "DogDance", "Grove2", "Grove3", "Hydrangea", "MiniCooper", "RubberWhale", "Urban2",
    "Urban3", "Venus", "Walking",
)  # fmt: skip


def _cases(folder: Path) -> list[BenchmarkCase]:
    return [
        BenchmarkCase(
            name=scene,
            i0=folder / "other-data" / scene / "frame10.png",
            i1=folder / "other-data" / scene / "frame11.png",
            truths=(folder / "other-gt-interp" / scene / "frame10i11.png",),
        )
        for scene in SCENES
    ]


MIDDLEBURY = Dataset(
    name=NAME,
    markers=("other-gt-interp", "other-data"),
    evaluators=("IE rms", "IE absolute"),
    num_published=len(SCENES),
    cases=_cases,
)
