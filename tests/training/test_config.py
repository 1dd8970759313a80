"""Configs: those that are shipped are read, wrong ones are refused with the key's name."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.weights import shipped_names
from slomo_batch.training.__main__ import main
from slomo_batch.training.config import read_config
from tests.architecture.project import ROOT, name_of


@pytest.mark.parametrize("path", sorted((ROOT / "jobs" / "train").glob("*.yaml")), ids=name_of)
def test_a_config_that_is_shipped_is_read(path: Path) -> None:
    config = read_config(path)
    assert config.steps > 0
    assert config.start in {"", *shipped_names()}
    assert config.samples.crop_px % Guided().multiple() == 0


def test_equal_configs_have_equal_digests_and_others_have_others() -> None:
    path = ROOT / "jobs" / "train" / "compact.yaml"
    config = read_config(path)
    assert config.digest() == read_config(path).digest()
    assert config.digest() != replace(config, seed=config.seed + 1).digest()


def test_without_data_a_person_is_told_what_makes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(ROOT / "jobs" / "train" / "compact.yaml"), "--out", str(tmp_path / "run"), "--data", str(tmp_path)]
    assert main(words) == 2
    assert "make training-data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: many", "steps"),
        ("steps: 5\nlearning_rat: 1", "learning_rat"),
        ("steps: 5\nsamples: {scenes: {max_motion: 3}}", "max_motion"),
        ("batch: 3", "steps"),
        ("steps: [", "line"),
        ("", ""),
    ],
)
def test_a_wrong_key_is_told_by_name(text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_config(path)
    assert any(told in fault for fault in caught.value.faults)
    assert main([str(path), "--out", str(tmp_path / "run")]) == 2
    assert str(path) in capsys.readouterr().err
