"""UCF101 as DVF (Liu et al. 2017) and Super SloMo evaluate it: 379 triplets of 256 x 256 with motion masks.

    ucf101_interp_ours/1/frame_00.png  frame_01_gt.png  frame_02.png      also the results of DVF, not used
    motion_masks_ucf101_interp/1/motion_mask.png

The evaluator of Super SloMo (eval_video_interpolation.py) used the inverted mask at first: "masks original". Copies of
the triplets without the folder of masks are common; they can be measured by whole frames.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, subfolders

NAME = "ucf101"
FRAMES, MASKS = "ucf101_interp_ours", "motion_masks_ucf101_interp"


def _cases(folder: Path) -> list[BenchmarkCase]:
    has_masks = (folder / MASKS).is_dir()
    return [
        BenchmarkCase(
            name=sequence.name,
            i0=sequence / "frame_00.png",
            i1=sequence / "frame_02.png",
            truths=(sequence / "frame_01_gt.png",),
            mask=folder / MASKS / sequence.name / "motion_mask.png" if has_masks else None,
        )
        for sequence in subfolders(NAME, folder, FRAMES)
    ]


UCF101 = Dataset(
    name=NAME,
    markers=(FRAMES,),
    evaluators=("masks corrected", "masks original", "whole frames"),
    num_published=379,
    cases=_cases,
)
