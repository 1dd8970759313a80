"""The paper's network trains with the losses of its config: it overfits one sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from slomo_batch.training.config import read_config
from slomo_batch.training.loop import METRICS_EVERY
from slomo_batch.training.perceptual import LAYERS
from slomo_batch.training.samples import SampleConfig, SampleDataset, TrainingSample
from tests.architecture.project import ROOT
from tests.training.test_loop import OPTIONS, lines, nothing, train
from tests.training.test_videos import pan


class Same(SampleDataset):
    """One sample, over and over."""

    def __getitem__(self, number: int) -> TrainingSample:
        return super().__getitem__(0)


@pytest.mark.training
@pytest.mark.timeout(1800)
def test_the_loss_of_the_papers_network_falls(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    vgg = {}
    for number, (inputs, outputs) in LAYERS.items():
        scale = (2 / (9 * inputs)) ** 0.5
        vgg[f"features.{number}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) * scale
        vgg[f"features.{number}.bias"] = torch.zeros(outputs)
    torch.save(vgg, tmp_path / "vgg16.pth")
    shipped = read_config(ROOT / "jobs" / "train" / "paper.yaml")
    mix: SampleConfig = replace(shipped.samples, crop_px=64)
    config = replace(
        shipped, steps=6 * METRICS_EVERY, batch=1,
        learning_rate=3e-4, falls=(), last_share=1.0, samples=mix,
        losses=replace(shipped.losses, vgg16=str(tmp_path / "vgg16.pth")),
    )  # fmt: skip
    train(config, Same([], [np.stack(pan(9))], mix, seed=1), tmp_path / "run", OPTIONS, nothing)
    logged = lines(tmp_path / "run")
    assert [set(line) for line in logged] == [
        {"step", "loss", "reconstruction", "warping", "smoothness", "perceptual"}
        | {"gradient_norm", "learning_rate", "samples_per_s"}
    ] * 6
    assert logged[-1]["loss"] < 0.9 * logged[0]["loss"]
    assert {line["learning_rate"] for line in logged} == {3e-4}
