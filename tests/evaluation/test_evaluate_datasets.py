"""Evaluations of data sets, where the errors of blend and duplicate are known."""

import io
import json
import shutil
from math import log10, sqrt
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.evaluation.datasets.known import DATASETS
from slomo_batch.evaluation.evaluate import evaluate_dataset
from slomo_batch.evaluation.methods import MethodChoice, OpenMethod
from slomo_batch.evaluation.report import DatasetProtocol, Report, Score, score_rows
from slomo_batch.evaluation.scores_table import scores_parquet
from slomo_batch.evaluation.tables import format_tables
from slomo_batch.serialization import from_json, to_json
from tests.evaluation.synthetic_datasets import BOX, HEIGHT, STEP, WIDTH, WRITERS, frame, put


def measured(folder: Path, name: str, *methods: str, num_cases: int | None = None) -> Report:
    opened = [OpenMethod(MethodChoice(method=method), precision="fp32", threads=1) for method in methods]
    return evaluate_dataset(folder, DATASETS[name], opened, num_cases=num_cases, on_progress=lambda _: None)


def made_and_measured(folder: Path, name: str, *, num_cases: int | None = None) -> tuple[list[Score], list[Score]]:
    """What blend and duplicate have, each row."""
    WRITERS[name](folder)
    scores = measured(folder, name, "blend", "duplicate", num_cases=num_cases).scores
    return list(scores[::2]), list(scores[1::2])


def psnr_of(levels: float) -> float:
    return 20 * log10(255 / levels)


@pytest.mark.parametrize("name", ["vimeo-triplet", "vimeo-septuplet"])
def test_vimeo_and_its_middle_frames(name: str, tmp_path: Path) -> None:
    (blend,), (duplicate,) = made_and_measured(tmp_path / "set", name)
    assert (blend.name, blend.factor, blend.psnr_db, blend.ie) == (name, 2, 100, 0)
    assert duplicate.psnr_db == pytest.approx(psnr_of(STEP))
    assert duplicate.ie == pytest.approx(STEP * sqrt(3))
    assert [(frame.case, frame.number) for frame in blend.frames] == [("00001/0389", 1), ("00002/0001", 1)]


def test_snu_film_has_a_row_for_every_degree_of_motion(tmp_path: Path) -> None:
    blend, duplicate = made_and_measured(tmp_path / "set", "snu-film")
    assert [score.name for score in blend] == [f"snu-film {part}" for part in ("easy", "medium", "hard", "extreme")]
    assert {score.psnr_db for score in blend} == {100}
    assert [score.ie for score in duplicate] == pytest.approx([STEP * apart * sqrt(3) for apart in (1, 2, 3, 4)])


def test_middlebury_and_its_two_interpolation_errors(tmp_path: Path) -> None:
    blend, (rms, absolute) = made_and_measured(tmp_path / "set", "middlebury")
    assert [score.evaluator for score in blend] == ["IE rms", "IE absolute"]
    assert rms.ie == pytest.approx(STEP * sqrt(3))
    assert absolute.ie == pytest.approx(STEP)
    assert len(rms.frames) == 12


def test_ucf101_is_judged_where_it_moves_by_both_readings_of_the_masks(tmp_path: Path) -> None:
    """Frames brighten by twice as much in the box, which is black in the mask; what is white reaches all borders."""
    blend, (corrected, original, whole) = made_and_measured(tmp_path / "set", "ucf101")
    assert [score.evaluator for score in blend] == ["masks corrected", "masks original", "whole frames"]
    assert {score.psnr_db for score in blend} == {100}
    assert corrected.ie == pytest.approx(2 * STEP * sqrt(3))
    assert corrected.psnr_db == pytest.approx(psnr_of(2 * STEP))
    assert original.ie == pytest.approx(STEP * sqrt(3))
    in_box = ((BOX[0].stop - BOX[0].start) * (BOX[1].stop - BOX[1].start)) / (WIDTH * HEIGHT)
    over_all = psnr_of(sqrt(in_box * (2 * STEP) ** 2 + (1 - in_box) * STEP**2))
    assert original.psnr_db == whole.psnr_db == pytest.approx(over_all)
    assert whole.ie == pytest.approx((in_box * 2 * STEP + (1 - in_box) * STEP) * sqrt(3))


def test_ucf101_without_its_masks_is_measured_by_whole_frames(tmp_path: Path) -> None:
    WRITERS["ucf101"](tmp_path)
    whole = measured(tmp_path, "ucf101", "duplicate").scores[2]
    shutil.rmtree(tmp_path / "motion_masks_ucf101_interp")
    lines: list[str] = []
    opened = [OpenMethod(MethodChoice(method="duplicate"), precision="fp32", threads=1)]
    report = evaluate_dataset(tmp_path, DATASETS["ucf101"], opened, on_progress=lines.append)
    assert [(score.evaluator, score.ie) for score in report.scores] == [("whole frames", whole.ie)]
    assert "no motion masks" in lines[0]


def test_sequences_that_hardly_move_are_left_out_of_the_mean(tmp_path: Path) -> None:
    WRITERS["ucf101"](tmp_path)
    still = np.full((HEIGHT, WIDTH), 255, np.uint8)
    put(tmp_path / "motion_masks_ucf101_interp" / "1" / "motion_mask.png", still)
    (corrected, *_) = measured(tmp_path, "ucf101", "duplicate").scores
    assert [frame.psnr_db is None for frame in corrected.frames] == [True, False, False]
    assert corrected.ie == pytest.approx(2 * STEP * sqrt(3))
    (row, *_) = score_rows(measured(tmp_path, "ucf101", "duplicate"))
    assert (row["frames"], row["frames_judged"]) == (3, 2)


def test_adobe240_has_seven_frames_between(tmp_path: Path) -> None:
    (blend,), (duplicate,) = made_and_measured(tmp_path / "set", "adobe240")
    assert blend.factor == 8
    assert [frame.number for frame in blend.frames] == [*range(1, 8)] * 3
    assert blend.ie is not None
    assert blend.ie < 1.5  # JPEG
    assert duplicate.ie == pytest.approx(sqrt(3) * STEP * (1 + 2 + 3 + 4 + 3 + 2 + 1) / 7, abs=1.5)


def test_x4k1000fps_at_8x(tmp_path: Path) -> None:
    (blend,), (duplicate,) = made_and_measured(tmp_path / "set", "x4k1000fps")
    assert (blend.factor, len(blend.frames), blend.psnr_db) == (8, 21, 100)
    assert duplicate.ie == pytest.approx(sqrt(3) * 8 * (1 + 2 + 3 + 4 + 3 + 2 + 1) / 7)


def test_xiph_at_2k_and_4k_and_a_first_look(tmp_path: Path) -> None:
    (half, crop), (duplicate, _) = made_and_measured(tmp_path / "set", "xiph", num_cases=3)
    assert [score.name for score in (half, crop)] == ["xiph 2K", "xiph 4K"]
    assert [(score.settings[0].width, score.settings[0].height) for score in (half, crop)] == [(24, 16), (24, 16)]
    assert half.psnr_db == crop.psnr_db == 100
    assert duplicate.ie == pytest.approx(2 * sqrt(3))
    assert [frame.case for frame in half.frames] == ["BoxingPractice-002", "DrivingPOV-066", "RitualDance-034"]


def test_the_report_says_what_was_asked_and_that_it_is_not_all(tmp_path: Path) -> None:
    WRITERS["vimeo-triplet"](tmp_path / "set")
    report = measured(tmp_path / "set", "vimeo-triplet", "blend", num_cases=1)
    assert report.protocol == DatasetProtocol(
        layout="vimeo-triplet", folder=str(tmp_path / "set"), cases=1, cases_there=2, cases_published=3782
    )
    assert from_json(Report, to_json(report)) == report
    text = "\n".join(format_tables(report))
    assert "vimeo-triplet, 1 cases of 2 in the folder, of 3782 published" in text
    assert "do not compare with published ones" in text
    assert "case 00001/0389, frame 1" in text
    (row,) = pq.read_table(io.BytesIO(scores_parquet(score_rows(report)))).to_pylist()
    assert (row["layout"], row["sizes"], row["cases_published"], row["lpips"]) == (
        "vimeo-triplet",
        f"{WIDTH}x{HEIGHT}",
        3782,
        None,
    )


def test_pictures_that_do_not_fit_or_cannot_be_read_are_named(tmp_path: Path) -> None:
    WRITERS["vimeo-triplet"](tmp_path)
    odd = tmp_path / "sequences" / "00002" / "0001" / "im2.png"
    put(odd, frame(1)[:20])
    with pytest.raises(SourceUnsupported, match=r"im2\.png.*expected 48x32, got 48x20"):
        measured(tmp_path, "vimeo-triplet", "blend")
    odd.write_bytes(b"no picture")
    with pytest.raises(SourceUnreadable, match=r"im2\.png"):
        measured(tmp_path, "vimeo-triplet", "blend")


def test_the_command_finds_the_layout_and_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WRITERS["middlebury"](tmp_path / "set")
    assert main(["evaluate", str(tmp_path / "set"), "--method", "blend", "flow"]) == 0
    shown = capsys.readouterr()
    assert "| middlebury 2x, IE rms " in shown.out
    assert "12 cases of 12 in the folder, of 12 published." in shown.out
    assert shown.err.startswith("middlebury: case 1 of 12, Beanbags\n")
    one = ["evaluate", str(tmp_path / "set"), "--layout", "middlebury", "--cases", "1", "--method", "blend", "--json"]
    assert main(one) == 0
    assert json.loads(capsys.readouterr().out)["protocol"]["cases"] == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--factor", "4"], "--factor is not supported for data sets"),
        (["--max-width", "640"], "--max-width is not supported for data sets"),
        (["--layout", "vimeo-triplet"], "tri_testlist.txt is missing"),
        (["beside.mp4"], "must be the only input"),
        (["--layout", "imagenet"], "'imagenet' is not one of ucf101, middlebury"),
    ],
)
def test_wrong_calls_on_a_data_set_are_refused(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    WRITERS["middlebury"](tmp_path / "set")
    assert main(["evaluate", str(tmp_path / "set"), *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_a_layout_without_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path / "no"), "--layout", "ucf101"]) == 2
    assert "--layout requires a data set folder" in capsys.readouterr().err
