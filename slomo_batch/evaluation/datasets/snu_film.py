"""SNU-FILM (Choi et al. 2020): 310 triplets at each of four difficulty levels, from its lists.

    test-easy.txt  test-medium.txt  test-hard.txt  test-extreme.txt      or in eval_modes/
    test/GOPRO_test/GOPR0384_11_00/000001.png ...   test/YouTube_test/...

A line of a list is three paths: first, middle, last. They start with data/SNU-FILM/, the authors' own folder; the rest
of the path is relative to the folder given here.
"""

from pathlib import Path

from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, incomplete_error, read_list

NAME = "snu-film"
PARTS = ("easy", "medium", "hard", "extreme")
AUTHORS_PREFIX = "data/SNU-FILM/"


def _cases(folder: Path) -> list[BenchmarkCase]:
    lists = "eval_modes/" if (folder / "eval_modes").is_dir() else ""
    cases: list[BenchmarkCase] = []
    for part in PARTS:
        file = f"{lists}test-{part}.txt"
        for number, line in enumerate(read_list(NAME, folder, file), start=1):
            paths = [folder / path.removeprefix(AUTHORS_PREFIX) for path in line.split()]
            if len(paths) != 3:
                raise incomplete_error(NAME, folder, [f"line {number} of {file} has {len(paths)} paths instead of 3"])
            i0, truth, i1 = paths
            name = f"{truth.parent.name}/{truth.stem}"
            cases.append(BenchmarkCase(name=name, part=part, i0=i0, i1=i1, truths=(truth,)))
    return cases


SNU_FILM = Dataset(
    name=NAME,
    markers=("test-easy.txt", "eval_modes/test-easy.txt"),
    evaluators=("whole frames",),
    num_published=4 * 310,
    cases=_cases,
)
