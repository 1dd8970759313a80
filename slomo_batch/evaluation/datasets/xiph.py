"""Xiph's eight Netflix clips of 4096 x 2160 as Niklaus and Liu (2020) evaluate them, at 2K and at 4K.

    netflix/BoxingPractice-001.png ... -100.png, and seven more clips; also without the folder netflix

The first hundred frames of each: frames 2, 4 to 98 are predicted, each from the two beside it.
At 2K pictures are brought to half their size, at "4K" the middle half each way is cut out.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import Case, Layout, View

NAME = "xiph"
CLIPS = (
    "BoxingPractice", "Crosswalk", "DrivingPOV", "FoodMarket", "FoodMarket2", "RitualDance", "SquareAndTimelapse",
    "Tango",
)  # fmt: skip
VIEWS: dict[str, View] = {"2K": "half", "4K": "centre"}
PREDICTED = range(2, 99, 2)


def _cases(folder: Path) -> list[Case]:
    place = folder / "netflix" if (folder / "netflix").is_dir() else folder
    return [
        Case(
            name=f"{clip}-{number:03}",
            part=part,
            i0=place / f"{clip}-{number - 1:03}.png",
            truths=(place / f"{clip}-{number:03}.png",),
            i1=place / f"{clip}-{number + 1:03}.png",
            view=view,
        )
        for part, view in VIEWS.items()
        for clip in CLIPS
        for number in PREDICTED
    ]


XIPH = Layout(
    name=NAME,
    marks=("netflix", "BoxingPractice-*.png"),
    evaluators=("Niklaus",),
    num_published=len(VIEWS) * len(CLIPS) * len(PREDICTED),
    cases=_cases,
)
