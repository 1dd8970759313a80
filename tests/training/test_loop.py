"""The training loop: exact resuming, checkpoints, exports and learning rates."""

import json
import math
import resource
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from slomo_batch.errors import DiskFull, ManifestError, WeightsError
from slomo_batch.interpolators.superslomo.guided import UNetShape
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.prior import PriorSearch
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.training.checkpoint import replace_file
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.exporting import export, metadata, read_ladder
from slomo_batch.training.learning_rate import learning_rate
from slomo_batch.training.loop import METRICS_EVERY, LoopOptions, Validate
from slomo_batch.training.loop import train as train_at
from slomo_batch.training.model import TrainableNetwork, build_network
from slomo_batch.training.random_scenes import SceneConfig
from slomo_batch.training.run_folder import BEST, CHECKPOINT, METRICS, RunFolder
from slomo_batch.training.samples import SampleConfig, SampleDataset
from slomo_batch.uri import Uri
from tests.training.test_samples import film, photographs

MIX = SampleConfig(crop_px=64, film_share=0.3, scenes=SceneConfig(max_motion_px=6))
SHORT = TrainingConfig(
    steps=6, batch=1, learning_rate=1e-3, warm_up_steps=2, ema_decay=0.5, precision="fp32", samples=MIX
)
OPTIONS = LoopOptions(data_workers=0, validate_every=0)


def samples(seed: int = 1) -> SampleDataset:
    return SampleDataset(photographs(), film(), MIX, seed=seed)


def nothing(_: TrainableNetwork) -> Mapping[str, float]:
    return {"mean": 0.0}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def train(
    config: TrainingConfig, drawn: SampleDataset, folder: Path, options: LoopOptions, validate: Validate
) -> TrainableNetwork:
    """Train in a folder."""
    return train_at(config, lambda: drawn, RunFolder(Uri(folder)), options=options, validate=validate)


def weights(network: TrainableNetwork) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    return weights(train(SHORT, samples(), tmp_path_factory.mktemp("unbroken"), OPTIONS, nothing))


def test_a_run_stopped_and_gone_on_with_is_the_unbroken_run_bit_for_bit(tmp_path: Path, unbroken: torch.Tensor) -> None:
    for step in range(1, SHORT.steps + 1):
        made = train(SHORT, samples(), tmp_path, replace(OPTIONS, stop_at=step), nothing)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == SHORT.steps
    assert torch.equal(weights(made), unbroken)
    assert torch.equal(weights(train(SHORT, samples(), tmp_path, OPTIONS, nothing)), unbroken)


def test_a_run_whose_time_is_over_is_validated_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = replace(SHORT, steps=METRICS_EVERY + 2)
    options = replace(OPTIONS, validate_every=1000)
    train(config, samples(), tmp_path, replace(options, stop_by_s=time.time()), nothing)
    assert "stopped after step 10 of 12; the same command goes on" in capsys.readouterr().err
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == METRICS_EVERY
    train(config, samples(), tmp_path, replace(options, stop_by_s=time.time() + 3600), nothing)
    assert [line["step"] for line in lines(tmp_path) if "validation" in line] == [0, 10, 12]


def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path) -> None:
    train(replace(SHORT, steps=1), samples(), tmp_path, OPTIONS, nothing)
    with pytest.raises(ManifestError, match="another config"):
        train(SHORT, samples(), tmp_path, OPTIONS, nothing)


def test_the_best_average_is_kept_and_exported(tmp_path: Path) -> None:
    marks = iter([30.0, 32.0, 31.0])
    config = replace(SHORT, steps=4)
    train(config, samples(), tmp_path, replace(OPTIONS, validate_every=2), lambda _: {"mean": next(marks)})
    assert [line["validation"]["mean"] for line in lines(tmp_path) if "validation" in line] == [30, 32, 31]
    assert torch.load(tmp_path / BEST, weights_only=True)["step"] == 2
    file = export(config, tmp_path, "compact-9")
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    assert header["name"] == "compact-9"
    assert header["training_config"] == config.digest()
    assert header["training_samples"] == "2"
    assert json.loads(header["validation_psnr_db"]) == {"mean": 32.0}
    report = tmp_path / "report.json"
    row = {"name": "bikes.mp4", "factor": 2, "psnr_db": 33.064, "entry": {"label": "compact-9.safetensors"}}
    report.write_text(json.dumps({"scores": [row]}))
    with safe_open(export(config, tmp_path, "compact-9", read_ladder(report)), framework="pt") as opened:
        assert json.loads(opened.metadata()["ladder_psnr_db"]) == {"bikes 2x": 33.06}
    report.write_text(json.dumps({"scores": [row, {**row, "entry": {"label": "flow"}}]}))
    with pytest.raises(ManifestError, match=r"these weights alone, got compact-9\.safetensors, flow"):
        read_ladder(report)
    loaded = load(file)
    assert loaded.prior == config.prior == PriorSearch()
    assert loaded.network == "superslomo-guided"
    assert {tensor.dtype for tensor in loaded.tensors.values()} == {torch.float16}


def test_the_header_states_the_prior_of_the_config(tmp_path: Path) -> None:
    config = replace(SHORT, steps=1, prior=PriorSearch(refinement_iterations=0, median_px=3))
    train(config, samples(), tmp_path, replace(OPTIONS, validate_every=1), nothing)
    assert load(export(config, tmp_path, "compact-9")).prior == config.prior


def test_a_run_that_was_stopped_before_its_first_checkpoint_leaves_nothing_to_another(tmp_path: Path) -> None:
    first, second = replace(SHORT, steps=1), replace(SHORT, steps=1, seed=SHORT.seed + 1)
    validating = replace(OPTIONS, validate_every=1)
    train(first, samples(), tmp_path, validating, lambda _: {"mean": 50.0})
    (tmp_path / CHECKPOINT).unlink()
    with pytest.raises(ManifestError, match="of another config"):
        export(second, tmp_path, "compact-9")
    train(second, samples(), tmp_path, validating, lambda _: {"mean": 20.0})
    assert [line["validation"]["mean"] for line in lines(tmp_path)] == [20, 20]
    with safe_open(export(second, tmp_path, "compact-9"), framework="pt") as opened:
        assert json.loads(opened.metadata()["validation_psnr_db"]) == {"mean": 20.0}


@pytest.mark.parametrize("name", [CHECKPOINT, BEST])
def test_a_damaged_file_of_a_run_is_named(name: str, tmp_path: Path) -> None:
    validating = replace(OPTIONS, validate_every=1)
    train(SHORT, samples(), tmp_path, replace(validating, stop_at=1), nothing)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:1000])
    with pytest.raises(ManifestError, match="the file is damaged"):
        train(SHORT, samples(), tmp_path, replace(validating, stop_at=2), nothing)


def test_a_best_average_of_another_version_is_named(tmp_path: Path) -> None:
    torch.save({"step": 3, "mean": 30.0, "average": {}}, tmp_path / BEST)
    with pytest.raises(ManifestError, match=r"best\.pt: the file is of another version"):
        export(SHORT, tmp_path, "compact-9")


def test_a_run_that_diverges_ends_with_the_reason_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    train(replace(SHORT, steps=8, learning_rate=1e9), samples(), tmp_path, replace(OPTIONS, stop_at=1), nothing)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(ManifestError, match="the run has diverged"):
        train(replace(SHORT, steps=8, learning_rate=1e9), samples(), tmp_path, OPTIONS, nothing)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_an_error_that_says_so(tmp_path: Path) -> None:
    train(replace(SHORT, steps=1), samples(), tmp_path, OPTIONS, nothing)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    with limited(len(kept) // 2), pytest.raises(DiskFull):
        replace_file(tmp_path / CHECKPOINT, torch.load(tmp_path / CHECKPOINT, weights_only=True))
    assert (tmp_path / CHECKPOINT).read_bytes() == kept
    assert not list(tmp_path.glob("*.partial"))


@contextmanager
def limited(size_bytes: int) -> Iterator[None]:
    """Let this process write no file larger than that: as with a full disk, a write fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_the_header_of_the_papers_network_tells_its_input() -> None:
    header = metadata(replace(SHORT, network="paper"), "paper-1", step=3, scores={"mean": 30.0})
    assert header["network"] == "superslomo-paper"
    assert header["mean"] == "0.429, 0.431, 0.397"


@pytest.mark.parametrize(
    ("keeps_edges", "stated"), [(False, {"num_scales": "3"}), (True, {"num_scales": "3", "keeps_edges": "true"})]
)
def test_the_header_of_matched_tells_how_it_finds_flow(keeps_edges: bool, stated: dict[str, str]) -> None:
    config = replace(SHORT, network="matched", num_scales=3, keeps_edges=keeps_edges)
    header = metadata(config, "matched-9", step=3, scores={"mean": 30.0})
    assert {name: value for name, value in header.items() if name in ("num_scales", "keeps_edges")} == stated
    network = build_network(config)
    assert isinstance(network, Matched)
    assert (network.num_scales, network.keeps_edges) == (3, keeps_edges)


def test_weights_to_begin_with_are_of_the_shape_asked_for() -> None:
    narrow = replace(SHORT, shape=UNetShape((4, 8, 8, 12), first_kernel=3))
    assert UNetShape.of(build_network(narrow).state_dict()) == narrow.shape
    with pytest.raises(WeightsError, match="another shape"):
        build_network(replace(narrow, start="compact-1"))


def test_metrics_of_steps_that_a_kill_undid_are_dropped(tmp_path: Path) -> None:
    metrics = tmp_path / METRICS
    train(replace(SHORT, steps=2), samples(), tmp_path, replace(OPTIONS, stop_at=1), nothing)
    metrics.write_text('{"step": 0, "loss": 2}\n{"step": 10, "loss": 1}\n{"step": 20, "lo')
    train(replace(SHORT, steps=2), samples(), tmp_path, OPTIONS, nothing)
    assert [line["step"] for line in lines(tmp_path)] == [0]


def test_the_learning_rate_rises_straight_and_falls_along_a_cosine() -> None:
    config = replace(SHORT, steps=110, warm_up_steps=10, learning_rate=1e-3, last_share=0.1)
    assert learning_rate(config, 0) == pytest.approx(1e-4)
    assert learning_rate(config, 9) == pytest.approx(1e-3)
    assert learning_rate(config, 60) == pytest.approx(5.5e-4)
    assert learning_rate(config, 110) == pytest.approx(1e-4)
    rates = [learning_rate(config, step) for step in range(10, 111)]
    assert rates == sorted(rates, reverse=True)


def test_the_learning_rate_falls_to_a_tenth_at_each_fall() -> None:
    config = replace(SHORT, steps=500, warm_up_steps=0, learning_rate=1e-4, falls=(0.4, 0.8))
    found = [learning_rate(config, step) for step in (0, 199, 200, 399, 400, 499)]
    assert found == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])


def test_it_learns_a_batch_by_heart(tmp_path: Path) -> None:
    class Same(SampleDataset):
        def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
            return super().__getitem__(0)

    config = replace(SHORT, start="compact-1", zero_last_layers=True, steps=20, samples=replace(MIX, film_share=0))
    train(config, Same(photographs(), film(), config.samples, seed=4), tmp_path, OPTIONS, nothing)
    logged = lines(tmp_path)
    assert [line["step"] for line in logged] == [10, 20]
    assert logged[1]["reconstruction"] < logged[0]["reconstruction"]
    assert all(math.isfinite(line["loss"]) for line in logged)
