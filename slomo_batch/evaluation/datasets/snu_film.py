"""SNU-FILM (Choi et al. 2020): 310 triplets in each of four degrees of motion, by their lists.

    test-easy.txt  test-medium.txt  test-hard.txt  test-extreme.txt      or in eval_modes/
    test/GOPRO_test/GOPR0384_11_00/000001.png ...   test/YouTube_test/...

A line of a list is three paths: first, middle, last. They begin with data/SNU-FILM/, where its authors kept the set;
what comes after that is looked for in the folder.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import Case, Layout, incomplete, listed

NAME = "snu-film"
PARTS = ("easy", "medium", "hard", "extreme")
THEIR_PLACE = "data/SNU-FILM/"


def _cases(folder: Path) -> list[Case]:
    lists = "eval_modes/" if (folder / "eval_modes").is_dir() else ""
    cases: list[Case] = []
    for part in PARTS:
        file = f"{lists}test-{part}.txt"
        for number, line in enumerate(listed(NAME, folder, file), start=1):
            paths = [folder / path.removeprefix(THEIR_PLACE) for path in line.split()]
            if len(paths) != 3:
                raise incomplete(NAME, folder, [f"line {number} of {file} has {len(paths)} paths instead of 3"])
            i0, truth, i1 = paths
            name = f"{truth.parent.name}/{truth.stem}"
            cases.append(Case(name=name, part=part, i0=i0, i1=i1, truths=(truth,)))
    return cases


SNU_FILM = Layout(
    name=NAME,
    marks=("test-easy.txt", "eval_modes/test-easy.txt"),
    evaluators=("whole frames",),
    num_published=4 * 310,
    cases=_cases,
)
