"""Vimeo-90K (Xue et al. 2019): test triplets and septuplets of 448 x 256, by their lists.

    tri_testlist.txt    00001/0389 ...     sequences/00001/0389/im1.png ... im3.png
    sep_testlist.txt    00001/0266 ...     sequences/00001/0266/im1.png ... im7.png

Of a triplet the middle is predicted. Of a septuplet the field predicts im4 from im1, im3, im5 and im7 (FLAVR and those
after it): here from im3 and im5, with im1 and im7 for methods that look beyond the pair.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import Case, Layout, listed


def _triplets(folder: Path) -> list[Case]:
    return [
        Case(name=name, i0=place / "im1.png", i1=place / "im3.png", truths=(place / "im2.png",))
        for name in listed("vimeo-triplet", folder, "tri_testlist.txt")
        for place in [folder / "sequences" / name]
    ]


def _septuplets(folder: Path) -> list[Case]:
    return [
        Case(
            name=name,
            before=place / "im1.png",
            i0=place / "im3.png",
            i1=place / "im5.png",
            after=place / "im7.png",
            truths=(place / "im4.png",),
        )
        for name in listed("vimeo-septuplet", folder, "sep_testlist.txt")
        for place in [folder / "sequences" / name]
    ]


TRIPLET = Layout(
    name="vimeo-triplet", marks=("tri_testlist.txt",), evaluators=("whole frames",), num_published=3782, cases=_triplets
)
SEPTUPLET = Layout(
    name="vimeo-septuplet",
    marks=("sep_testlist.txt",),
    evaluators=("whole frames",),
    num_published=7824,
    cases=_septuplets,
)
