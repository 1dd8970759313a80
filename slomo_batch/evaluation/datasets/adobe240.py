"""Adobe240 with seven intermediate frames, cut as in the public Super SloMo code (data/create_dataset.py).

    test/0/000000001.jpg ... 000000012.jpg      clips of twelve frames, 640 x 360, of the videos of test_list.txt

In each clip, frames 0 and 8 are kept, and 1 to 7 are predicted; the last three are not used.
"""

from fractions import Fraction
from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, incomplete_error, path_within, subfolders

NAME = "adobe240"
SPAN = 8


def _cases(folder: Path) -> list[BenchmarkCase]:
    clips = {clip: sorted(clip.glob("*.jpg")) for clip in subfolders(NAME, folder, "test")}
    short = [clip for clip, frames in clips.items() if len(frames) <= SPAN]
    if short:
        problems = [f"{path_within(clip, folder)} has {len(clips[clip])} frames (.jpg) instead of 12" for clip in short]
        raise incomplete_error(NAME, folder, problems)
    return [
        BenchmarkCase(
            name=clip.name,
            i0=frames[0],
            i1=frames[SPAN],
            truths=tuple(frames[1:SPAN]),
            times=tuple(Fraction(number, SPAN) for number in range(1, SPAN)),
        )
        for clip, frames in clips.items()
    ]


ADOBE240 = Dataset(
    name=NAME, markers=("test/*/?????????.jpg",), evaluators=("Super SloMo",), num_published=0, cases=_cases
)
