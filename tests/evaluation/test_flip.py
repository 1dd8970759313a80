"""FLIP: its range, what it weighs, its column in the tables, and the error without its package."""

from pathlib import Path

import numpy as np
import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError
from slomo_batch.evaluation import flip
from slomo_batch.evaluation.flip import Flip
from slomo_batch.evaluation.measures import Rgb8
from tests.evaluation.synthetic_datasets import middlebury
from tests.evaluation.test_measures import ramp


def flat(level: int) -> Rgb8:
    """A frame of one gray."""
    return np.full((64, 64, 3), level, np.uint8)


def test_zero_for_equal_frames_and_near_one_for_black_and_white() -> None:
    assert Flip().distance(ramp(64, 64), ramp(64, 64)) == 0
    assert 0.9 < Flip().distance(flat(0), flat(255)) <= 1


def test_an_edge_out_of_place_weighs_more_than_the_same_squared_error_spread_over_the_frame() -> None:
    truth, moved = flat(96), flat(96)
    truth[:, 32:], moved[:, 34:] = 160, 160
    spread = truth + np.where(np.indices((64, 64)).sum(0) % 2, 11, -11)[..., None]
    assert Flip().distance(moved, truth) > Flip().distance(spread.astype(np.uint8), truth)


def test_evaluate_prints_its_table_if_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    middlebury(tmp_path)
    arguments = ["evaluate", str(tmp_path), "--layout", "middlebury", "--cases", "1", "--method", "blend"]
    assert main(arguments) == 0
    assert "FLIP" not in capsys.readouterr().out
    assert main([*arguments, "--flip"]) == 0
    assert "| FLIP" in capsys.readouterr().out


def test_without_its_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flip, "_MODULE", "a_package_that_is_not_installed")
    with pytest.raises(ManifestError, match="flip-evaluator, which is not installed") as raised:
        Flip()
    assert "pip install flip-evaluator" in str(raised.value)
