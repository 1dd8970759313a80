"""Vimeo-90K (Xue et al. 2019): test triplets and septuplets of 448 x 256, from its lists.

    tri_testlist.txt    00001/0389 ...     sequences/00001/0389/im1.png ... im3.png
    sep_testlist.txt    00001/0266 ...     sequences/00001/0266/im1.png ... im7.png

In a triplet, the middle frame is predicted. In a septuplet, FLAVR and later papers predict im4 from im1, im3, im5 and
im7; here the pair is im3 and im5, and im1 and im7 are its context for methods that read any.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, read_list


def _triplets(folder: Path) -> list[BenchmarkCase]:
    return [
        BenchmarkCase(name=name, i0=base / "im1.png", i1=base / "im3.png", truths=(base / "im2.png",))
        for name in read_list("vimeo-triplet", folder, "tri_testlist.txt")
        for base in [folder / "sequences" / name]
    ]


def _septuplets(folder: Path) -> list[BenchmarkCase]:
    return [
        BenchmarkCase(
            name=name,
            before=base / "im1.png",
            i0=base / "im3.png",
            i1=base / "im5.png",
            after=base / "im7.png",
            truths=(base / "im4.png",),
        )
        for name in read_list("vimeo-septuplet", folder, "sep_testlist.txt")
        for base in [folder / "sequences" / name]
    ]


TRIPLET = Dataset(
    name="vimeo-triplet",
    markers=("tri_testlist.txt",),
    evaluators=("whole frames",),
    num_published=3782,
    cases=_triplets,
)
SEPTUPLET = Dataset(
    name="vimeo-septuplet",
    markers=("sep_testlist.txt",),
    evaluators=("whole frames",),
    num_published=7824,
    cases=_septuplets,
)
