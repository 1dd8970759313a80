"""The cases of a data set folder, and the errors for an incomplete one."""

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, load_cases
from slomo_batch.evaluation.datasets.known import DATASETS, detect_dataset
from tests.evaluation.synthetic_datasets import WRITERS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder per data set."""
    root = tmp_path_factory.mktemp("sets")
    for name, write in WRITERS.items():
        write(root / name)
    return {name: root / name for name in WRITERS}


def relative_paths(case: BenchmarkCase, folder: Path) -> list[str | None]:
    paths = (case.before, case.i0, *case.truths, case.i1, case.after, case.mask)
    return [str(path.relative_to(folder)) if path else None for path in paths]


def test_every_data_set_has_a_writer() -> None:
    assert set(WRITERS) == set(DATASETS)


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_is_detected_by_its_markers(name: str, made: dict[str, Path]) -> None:
    assert detect_dataset(made[name]) is DATASETS[name]


EXPECTED = {
    "ucf101": (
        3,
        "2",
        "",
        [
            None,
            "ucf101_interp_ours/2/frame_00.png",
            "ucf101_interp_ours/2/frame_01_gt.png",
            "ucf101_interp_ours/2/frame_02.png",
            None,
            "motion_masks_ucf101_interp/2/motion_mask.png",
        ],
    ),
    "middlebury": (
        12,
        "Dimetrodon",
        "",
        [
            None,
            "other-data/Dimetrodon/frame10.png",
            "other-gt-interp/Dimetrodon/frame10i11.png",
            "other-data/Dimetrodon/frame11.png",
            None,
            None,
        ],
    ),
    "vimeo-triplet": (
        2,
        "00002/0001",
        "",
        [None, *(f"sequences/00002/0001/im{number}.png" for number in (1, 2, 3)), None, None],
    ),
    "vimeo-septuplet": (
        2,
        "00002/0001",
        "",
        [*(f"sequences/00002/0001/im{number}.png" for number in (1, 3, 4, 5, 7)), None],
    ),
    "adobe240": (3, "1", "", [None, *(f"test/1/{number:09}.jpg" for number in range(1, 10)), None, None]),
    "snu-film": (
        8,
        "0000/000010",
        "easy",
        [None, *(f"test/YouTube_test/0000/{number:06}.png" for number in (9, 10, 11)), None, None],
    ),
    "xiph": (
        784,
        "BoxingPractice-004",
        "2K",
        [None, *(f"netflix/BoxingPractice-{number:03}.png" for number in (3, 4, 5)), None, None],
    ),
    "x4k1000fps": (
        3,
        "Type2/TEST06_001_f0273",
        "",
        [None, *(f"test/Type2/TEST06_001_f0273/{number:04}.png" for number in range(0, 33, 4)), None, None],
    ),
}
"""By data set: number of cases; name, part and files of the second case."""


@pytest.mark.parametrize("name", EXPECTED)
def test_cases_are_those_of_the_published_benchmark(name: str, made: dict[str, Path]) -> None:
    num, second, part, files = EXPECTED[name]
    cases = load_cases(DATASETS[name], made[name])
    assert len(cases) == num
    assert (cases[1].name, cases[1].part) == (second, part)
    assert relative_paths(cases[1], made[name]) == files
    span = len(cases[1].truths) + 1
    assert cases[1].times == tuple(Fraction(number, span) for number in range(1, span))


def test_parts_and_views(made: dict[str, Path]) -> None:
    xiph = load_cases(DATASETS["xiph"], made["xiph"])
    assert {(case.part, case.view) for case in xiph} == {("2K", "half"), ("4K", "center")}
    assert [case.name for case in xiph[47:50]] == ["BoxingPractice-096", "BoxingPractice-098", "Crosswalk-002"]
    snu = load_cases(DATASETS["snu-film"], made["snu-film"])
    assert [case.part for case in snu[::2]] == ["easy", "medium", "hard", "extreme"]
    assert snu[-1].i0.name == "000006.png"


def test_snu_film_lists_may_be_in_eval_modes(tmp_path: Path) -> None:
    WRITERS["snu-film"](tmp_path / "set")
    (tmp_path / "set" / "eval_modes").mkdir()
    for file in (tmp_path / "set").glob("test-*.txt"):
        file.rename(file.parent / "eval_modes" / file.name)
    assert detect_dataset(tmp_path / "set").name == "snu-film"
    assert len(load_cases(DATASETS["snu-film"], tmp_path / "set")) == 8


HALF = {
    "ucf101": ("motion_masks_ucf101_interp/1", ["motion_masks_ucf101_interp/1/motion_mask.png is missing"]),
    "middlebury": (
        "other-gt-interp/Venus/frame10i11.png",
        ["other-gt-interp/Venus/frame10i11.png is missing"],
    ),
    "vimeo-triplet": ("sequences/00002/0001/im2.png", ["sequences/00002/0001/im2.png is missing"]),
    "vimeo-septuplet": ("sep_testlist.txt", ["sep_testlist.txt is missing"]),
    "adobe240": ("test/10/000000012.jpg", None),
    "snu-film": ("test-hard.txt", ["test-hard.txt is missing"]),
    "xiph": ("netflix/Tango-017.png", ["netflix/Tango-017.png is missing"]),
    "x4k1000fps": (
        "test/Type3/TEST11_078_f4977/0031.png",
        ["test/Type3/TEST11_078_f4977 has 32 frames (.png) instead of 33"],
    ),
}
"""By data set: the file that is removed, and the first problem reported."""


@pytest.mark.parametrize("name", HALF)
def test_missing_files_are_named(name: str, made: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(made[name], folder)
    gone, faults = HALF[name]
    shutil.rmtree(folder / gone) if (folder / gone).is_dir() else (folder / gone).unlink()
    if faults is None:  # the last three frames of these clips are not used
        assert len(load_cases(DATASETS[name], folder)) == 3
        return
    with pytest.raises(ManifestError, match=f"incomplete {name} data set") as raised:
        load_cases(DATASETS[name], folder)
    assert raised.value.problems[0] == faults[0]


def test_many_missing_files_are_counted(made: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(made["xiph"], folder)
    for file in (folder / "netflix").glob("Tango-*.png"):
        file.unlink()
    with pytest.raises(ManifestError) as raised:
        load_cases(DATASETS["xiph"], folder)
    assert len(raised.value.problems) == 9
    assert raised.value.problems[-1] == "and 91 more"


def test_short_clips_and_malformed_lines_are_reported(made: dict[str, Path], tmp_path: Path) -> None:
    clips, lists = tmp_path / "clips", tmp_path / "lists"
    shutil.copytree(made["adobe240"], clips)
    for file in sorted((clips / "test" / "0").iterdir())[8:]:
        file.unlink()
    with pytest.raises(ManifestError) as raised:
        load_cases(DATASETS["adobe240"], clips)
    assert raised.value.problems == ("test/0 has 8 frames (.jpg) instead of 12",)
    shutil.copytree(made["snu-film"], lists)
    (lists / "test-easy.txt").write_text("a.png b.png\n")
    with pytest.raises(ManifestError) as raised:
        load_cases(DATASETS["snu-film"], lists)
    assert raised.value.problems == ("line 1 of test-easy.txt has 2 paths instead of 3",)


def test_a_folder_that_matches_no_data_set_or_two_is_rejected(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not a known data set") as raised:
        detect_dataset(tmp_path)
    assert any(fault.startswith("vimeo-triplet: tri_testlist.txt") for fault in raised.value.problems)
    both = tmp_path / "both"
    shutil.copytree(made["vimeo-triplet"], both)
    shutil.copy(made["vimeo-septuplet"] / "sep_testlist.txt", both)
    with pytest.raises(ManifestError, match=r"several data sets: vimeo-triplet, vimeo-septuplet.*--layout"):
        detect_dataset(both)
    (tmp_path / "empty" / "test").mkdir(parents=True)
    with pytest.raises(ManifestError) as raised:
        load_cases(DATASETS["x4k1000fps"], tmp_path / "empty")
    assert raised.value.problems == ("no cases found",)
