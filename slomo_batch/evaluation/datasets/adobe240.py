"""Adobe240 with seven frames between, as the public Super SloMo code cuts it (data/create_dataset.py).

    test/0/000000001.jpg ... 000000012.jpg      clips of twelve frames, 640 x 360, of the videos of test_list.txt

Of each clip frames 0 and 8 are kept and 1 to 7 predicted; the last three are not used.
"""

from fractions import Fraction
from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import Case, Layout, folders_in, incomplete, inside

NAME = "adobe240"
SPAN = 8


def _cases(folder: Path) -> list[Case]:
    clips = {clip: sorted(clip.glob("*.jpg")) for clip in folders_in(NAME, folder, "test")}
    short = [clip for clip, frames in clips.items() if len(frames) <= SPAN]
    if short:
        told = [f"{inside(clip, folder)} has {len(clips[clip])} frames (.jpg) instead of 12" for clip in short]
        raise incomplete(NAME, folder, told)
    return [
        Case(
            name=clip.name,
            i0=frames[0],
            i1=frames[SPAN],
            truths=tuple(frames[1:SPAN]),
            times=tuple(Fraction(number, SPAN) for number in range(1, SPAN)),
        )
        for clip, frames in clips.items()
    ]


ADOBE240 = Layout(
    name=NAME, marks=("test/*/?????????.jpg",), evaluators=("Super SloMo",), num_published=0, cases=_cases
)
