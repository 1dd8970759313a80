"""Configs: the shipped ones are valid, and their digests pinned; wrong ones are rejected with the name of the key."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.prior import PriorSearch
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_names
from slomo_batch.serialization import parse_json, to_json
from slomo_batch.training.config import read_config
from slomo_batch.training.config_digest import DIGEST_FIELDS, LATER_FIELDS, digest_input, known_fields
from slomo_batch.training.learning_rate import learning_rate
from tests.architecture.project import ROOT, name_of


@pytest.mark.parametrize("path", sorted((ROOT / "jobs" / "train").glob("*.yaml")), ids=name_of)
def test_a_shipped_config_is_valid(path: Path) -> None:
    config = read_config(path)
    assert config.steps > 0
    assert config.start in {"", *shipped_names()} or config.start.startswith("training-runs/"), "of a run before it"


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
    shipped = read_config(ROOT / "jobs" / "train" / "paper.yaml")
    scenes: Any = dict.fromkeys(LATER_FIELDS[".samples.scenes"], 0.1)
    terms: Any = dict.fromkeys(LATER_FIELDS[".losses"], 0.1)
    samples = replace(shipped.samples, scenes=replace(shipped.samples.scenes, **scenes), stored=5, margin_px=8)
    config = replace(
        shipped,
        prior=PriorSearch(descent_iterations=12),
        teacher="rife",
        guide="compact-3",
        num_scales=3,
        keeps_edges=True,
        samples=samples,
    )
    config = replace(config, losses=replace(shipped.losses, **terms), sources=replace(shipped.sources, stride=2))
    of_digest, whole = (parse_json(to_json(one)) for one in (digest_input(config), config))
    assert of_digest == whole, "include a later field if its value is not the neutral one"


def test_the_prior_flow_of_the_first_version_is_not_in_the_digest() -> None:
    path = ROOT / "jobs" / "train" / "compact.yaml"
    config = read_config(path)
    assert replace(config, prior=PriorSearch()).digest() == config.digest() == PINNED_DIGESTS["compact"]
    assert replace(config, prior=PriorSearch(refinement_iterations=0)).digest() != config.digest()


def test_missing_data_are_reported_with_the_command_that_fetches_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"steps: 5\nsources: {{prepared: {tmp_path}}}")
    assert main(["train", str(config), "--out", str(tmp_path / "run")]) == 2
    assert "make training-data" in capsys.readouterr().err


PROBLEMS = {
    "steps: many": "line 1: steps: expected an integer, got 'many'",
    "steps: 5.5": "line 1: steps: expected an integer, got '5.5'",
    "steps:": "line 1: steps: expected an integer, got nothing",
    f"steps: {'9' * 5000}": "line 1: steps: expected a shorter integer, got '999",
    "batch: 3": "line 1: steps: is missing",
    "- steps": "line 1: expected a mapping at the top level",
    "steps: 5\nlearning_rat: 1": "line 2: learning_rat: unknown key; did you mean learning_rate?",
    "steps: 5\nsamples: {scenes: {max_motion: 3}}": "unknown key; did you mean max_motion_px?",
    "steps: 5\nlearning_rate: [1]": "line 2: learning_rate: expected a number, got a list",
    "steps: 5\nlearning_rate: fast": "line 2: learning_rate: expected a number, got 'fast'",
    "steps: 5\nzero_last_layers: maybe": "line 2: zero_last_layers: expected true or false, got 'maybe'",
    "steps: 5\nzero_last_layers: {}": "line 2: zero_last_layers: expected true or false, got a mapping",
    "steps: 5\nstart:": "line 2: start: expected text, got nothing",
    "steps: 5\nfalls: 0.5": "line 2: falls: expected a list, got '0.5'",
    "steps: 5\nfalls: [0.5, x]": "line 2: falls[1]: expected a number, got 'x'",
    "steps: 5\nsamples: 3": "line 2: samples: expected a mapping, got '3'",
    "steps: 5\nsources:\n  videos:\n  - a.mp4": "line 4: sources.videos[0]: expected a mapping, got 'a.mp4'",
    "steps: 5\nnetwork: gided": "line 2: network: 'gided' is not one of guided, matched, paper",
    "steps: 5\nshape: {channels: [16, 32, 48]}": "line 2: shape.channels[3]: is missing",
    "steps: 5\nshape: {channels: [1, 2, 3, 4, 5]}": "line 2: shape.channels: expected at most 4 values, got 5",
    "steps: 0": "line 1: steps: must be from 1 to 2147483647, got 0",
    "steps: 5\nseed: -1": "line 2: seed: must be from 0 to ",
    "steps: 5\nlearning_rate: 0": "line 2: learning_rate: must be greater than 0, got 0.0",
    "steps: 5\nlearning_rate: nan": "line 2: learning_rate: must be finite, got nan",
    "steps: 5\nlosses: {flow: 1e999}": "line 2: losses.flow: must be finite, got inf",
    "steps: 5\nlosses: {flow: -1}": "line 2: losses.flow: must be at least 0, got -1.0",
    "steps: 5\nfalls: [0.5, 1.5]": "line 2: falls[1]: must be from 0 to 1, got 1.5",
    'steps: 5\nstart: "\\ud800"': "line 2: start: '\\ud800' contains a NUL character or a lone surrogate",
    "steps: 5\nsteps: 6": "line 1: steps: duplicate key, on line 1 and line 2",
    "steps: !!binary aGk=": "line 1: steps: unsupported tag !!binary",
    "steps: [": "line 1, column 9: ",
    "steps: 5\nnetwork: paper\nzero_last_layers: true": "line 2: network: zero_last_layers and shape are only",
    "steps: 5\nnetwork: paper\nshape: {channels: [16, 32, 48, 64]}": "only valid for the network `guided`",
    "steps: 5\nshape: {channels: [16, 32, 48, 0]}": "1 or more",
    "steps: 5\nshape: {first_kernel: 4}": "odd",
    "steps: 5\nsamples: {crop_px: 200}": "line 2: samples.crop_px: must be a multiple of 32, got 200",
    "steps: 5\nprior: {kind: dis}": "line 2: prior.kind: 'dis' is not one of dis-cpu, dis-device, none",
    "steps: 5\nprior: {median: 3}": "line 2: prior.median: unknown key; did you mean median_px?",
    "steps: 5\nprior: {median_px: 5}": "line 2: prior.median_px: must be 1 or 3, got 5",
    "steps: 5\nprior: {patch_stride: 9}": "line 2: prior.patch_stride: must be from 1 to 8, got 9",
    "steps: 5\nprior: {kind: dis-device}": "line 2: prior.refinement_iterations: must be 0 with dis-device, got 3",
    "steps: 5\nnetwork: paper\nprior: {median_px: 3}": "line 3: prior: is only valid for the network `guided`",
    "steps: 5\nlosses: {levels: 1}": "line 2: losses: levels, flow_t, taught, guided and visibility belong",
    "steps: 5\nkeeps_edges: true": "line 2: keeps_edges: belongs to the network `matched` only",
    "steps: 5\nnetwork: matched\nteacher: rife": "line 3: teacher: requires losses.taught",
    "steps: 5\nnetwork: matched\nlosses: {taught: 1}": "losses.taught requires a teacher",
    "steps: 5\nnetwork: matched\nguide: compact-3": "line 3: guide: requires losses.guided",
    "steps: 5\nnetwork: matched\nprior: {median_px: 3}": "line 3: prior: is only valid for the network `guided`",
    "steps: 5\nsamples: {margin_px: 12}": "line 2: samples.margin_px: must be a multiple of 8, got 12",
    "steps: 5\nlosses: {reconstruction: 0, decibels: 0, warping: 0, flow: 0}": "every term",
    "steps: 5\nprecision: fp16": "line 2: precision: fp16 overflows in training; use bf16 or fp32",
    "steps: 5\nsources: {videos: [{names: list.txt}]}": "line 2: sources.videos[0]: requires either uri or table",
    "steps: 5\nsources: {prepared: ''}": "both empty",
    "steps: 5\nsamples: {spans: [9], span_shares: [1]}": "from 2 to 8",
    "steps: 5\nsamples: {spans: [8]}": "sum is 1",
}


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.items())
def test_a_wrong_value_is_reported_with_its_key_and_line(
    text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_config(path)
    assert [fault for fault in caught.value.problems if problem in fault]
    assert main(["train", str(path), "--out", str(tmp_path / "run")]) == 2
    assert str(path) in capsys.readouterr().err


ODD_VALUES = ("", "x", "5", "-5", "1.5", "true", "nan", "1e999", "[]", "[x]", "[[1]]", "{}", "{x: 1}", "2020-01-01")
PLACES = tuple(
    (path.removeprefix("."), name)
    for path in DIGEST_FIELDS
    for name in (*known_fields(path), "unknown")
    if not path.endswith(("videos", "validation"))
)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_no_problem_has_the_words_of_the_library_that_validates(value: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    problems: list[str] = []
    for section, name in PLACES:
        inner = f"{name}: {value}"
        for key in reversed(section.split(".") if section else []):
            inner = f"{key}: {{{inner}}}"
        for text in (inner, f"sources: {{videos: [{{{inner}}}]}}"):
            path.write_text(text if text.startswith("steps") else f"steps: 5\n{text}")
            try:
                read_config(path)
            except ManifestError as error:
                problems += error.problems
    assert len(problems) > len(PLACES)
    assert not [
        text for text in problems if re.search(r"[Ii]nput should|valid |[Uu]nable|Field|Tuple|[Kk]eyword", text)
    ]


def test_a_file_without_a_config_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for data, message in ((b"", "the training config is empty"), (b"a: \xff", "the file is not UTF-8 text")):
        path.write_bytes(data)
        with pytest.raises(ManifestError, match=message):
            read_config(path)
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        read_config(tmp_path / "none.yaml")
