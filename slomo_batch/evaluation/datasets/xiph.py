"""Xiph's eight Netflix clips of 4096 x 2160 as Niklaus and Liu (2020) evaluate them, at 2K and at 4K.

    netflix/BoxingPractice-001.png ... -100.png, and seven more clips; the folder netflix is optional

In the first hundred frames of each clip, frames 2, 4, ..., 98 are predicted, each from its two neighbors.
For 2K, pictures are downscaled to half size; for "4K", the central half each way is cropped.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, View

NAME = "xiph"
CLIPS = (
    "BoxingPractice", "Crosswalk", "DrivingPOV", "FoodMarket", "FoodMarket2", "RitualDance", "SquareAndTimelapse",
    "Tango",
)  # fmt: skip
VIEWS: dict[str, View] = {"2K": "half", "4K": "center"}
PREDICTED = range(2, 99, 2)


def _cases(folder: Path) -> list[BenchmarkCase]:
    base = folder / "netflix" if (folder / "netflix").is_dir() else folder
    return [
        BenchmarkCase(
            name=f"{clip}-{number:03}",
            part=part,
            i0=base / f"{clip}-{number - 1:03}.png",
            truths=(base / f"{clip}-{number:03}.png",),
            i1=base / f"{clip}-{number + 1:03}.png",
            view=view,
        )
        for part, view in VIEWS.items()
        for clip in CLIPS
        for number in PREDICTED
    ]


XIPH = Dataset(
    name=NAME,
    markers=("netflix", "BoxingPractice-*.png"),
    evaluators=("Niklaus",),
    num_published=len(VIEWS) * len(CLIPS) * len(PREDICTED),
    cases=_cases,
)
