"""Configs: the shipped ones are valid, and their digests pinned; wrong ones are rejected with the name of the key."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_names
from slomo_batch.serialization import to_json
from slomo_batch.training.config import read_config
from slomo_batch.training.config_digest import digest_input
from slomo_batch.training.learning_rate import learning_rate
from tests.architecture.project import ROOT, name_of


@pytest.mark.parametrize("path", sorted((ROOT / "jobs" / "train").glob("*.yaml")), ids=name_of)
def test_a_shipped_config_is_valid(path: Path) -> None:
    config = read_config(path)
    assert config.steps > 0
    assert config.start in {"", *shipped_names()}


def test_the_config_of_the_paper_is_the_papers() -> None:
    config = read_config(ROOT / "jobs" / "train" / "paper.yaml")
    losses, step = config.losses, config.steps // 500
    assert (losses.reconstruction, losses.perceptual, losses.warping) == (0.8, 0.005, 0.4)
    assert (losses.smoothness / 2, losses.flow, losses.decibels, losses.laplacian, losses.census) == (1, 0, 0, 0, 0)
    rates = [learning_rate(config, epoch * step + 500) for epoch in (0, 199, 200, 399, 400, 499)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])
    assert config.samples.crop_px == 352


def test_equal_configs_have_equal_digests_and_different_ones_differ() -> None:
    path = ROOT / "jobs" / "train" / "compact.yaml"
    config = read_config(path)
    assert config.digest() == read_config(path).digest()
    assert config.digest() != replace(config, seed=config.seed + 1).digest()


PINNED_DIGESTS = {
    "compact": "a71e2851e5eaf467a2e31467e47a82f5",
    "paper": "35a638c39734947cc53d348304387844",
}
"""Digests of the shipped configs. Checkpoints store them, so they must not change."""


@pytest.mark.parametrize("name", PINNED_DIGESTS)
def test_the_digests_of_shipped_configs_are_pinned(name: str) -> None:
    assert read_config(ROOT / "jobs" / "train" / f"{name}.yaml").digest() == PINNED_DIGESTS[name]


def test_every_field_of_a_config_is_in_its_digest() -> None:
    config = read_config(ROOT / "jobs" / "train" / "paper.yaml")
    assert to_json(digest_input(config)) == to_json(config), "include a later field if its value is not the neutral one"


def test_missing_data_are_reported_with_the_command_that_fetches_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"steps: 5\nsources: {{prepared: {tmp_path}}}")
    assert main(["train", str(config), "--out", str(tmp_path / "run")]) == 2
    assert "make training-data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("steps: many", "steps"),
        ("steps: 5\nlearning_rat: 1", "learning_rat"),
        ("steps: 5\nsamples: {scenes: {max_motion: 3}}", "max_motion"),
        ("batch: 3", "steps"),
        ("steps: [", "line"),
        ("", ""),
        ("steps: 5\nnetwork: paper\nzero_last_layers: true", "`guided`"),
        ("steps: 5\nnetwork: paper\nshape: {channels: [16, 32, 48, 64]}", "`guided`"),
        ("steps: 5\nshape: {channels: [16, 32, 48, 0]}", "1 or more"),
        ("steps: 5\nshape: {channels: [16, 32, 48]}", "shape"),
        ("steps: 5\nshape: {first_kernel: 4}", "odd"),
        ("steps: 5\nsamples: {crop_px: 200}", "must be a multiple of 32"),
        ("steps: 5\nlosses: {reconstruction: 0, decibels: 0, warping: 0, flow: 0}", "every term"),
        ("steps: 5\nprecision: fp16", "overflows"),
        ("steps: 5\nsources: {videos: [{names: list.txt}]}", "either uri or table"),
        ("steps: 5\nsources: {prepared: ''}", "both empty"),
        ("steps: 5\nsamples: {spans: [9], span_shares: [1]}", "from 2 to 8"),
        ("steps: 5\nsamples: {spans: [8]}", "sum is 1"),
    ],
)
def test_a_wrong_key_is_reported_by_name(
    text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_config(path)
    assert any(problem in fault for fault in caught.value.problems)
    assert main(["train", str(path), "--out", str(tmp_path / "run")]) == 2
    assert str(path) in capsys.readouterr().err
