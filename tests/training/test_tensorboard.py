"""TensorBoard files, read back with its own reader."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import IMAGES, SCALARS, EventAccumulator

from slomo_batch.training.run_folder import TENSORBOARD
from slomo_batch.training.tensorboard import flow_to_rgb
from tests.training.test_loop import OPTIONS, SHORT, lines, nothing, samples, train


def read_back(folder: Path) -> Any:
    found = EventAccumulator(str(folder / TENSORBOARD), size_guidance={SCALARS: 0, IMAGES: 0})
    found.Reload()
    return found


def test_numbers_and_pictures_of_a_run_stand_on_the_board(tmp_path: Path) -> None:
    config = replace(SHORT, steps=20)
    train(config, samples(), tmp_path, replace(OPTIONS, validate_every=10, stop_at=12), nothing)
    train(config, samples(), tmp_path, replace(OPTIONS, validate_every=10), nothing)
    found = read_back(tmp_path)
    logged = [line for line in lines(tmp_path) if "loss" in line]
    for name in ("loss", "reconstruction", "flow", "warping", "smoothness", "gradient_norm", "learning_rate"):
        events = found.Scalars(f"training/{name}")
        assert [event.step for event in events] == [10, 20]
        assert [event.value for event in events] == pytest.approx([line[name] for line in logged], rel=1e-6)
    assert [event.step for event in found.Scalars("validation/mean")] == [0, 10, 12, 20]
    shown = {name: found.Images(name) for name in found.Tags()["images"]}
    assert {name: [event.step for event in events] for name, events in shown.items()} == {
        "i0, made, true, i1": [1],
        "flow to i0, flow to i1": [1],
        "visibility of i0": [1],
    }
    assert (shown["i0, made, true, i1"][0].width, shown["i0, made, true, i1"][0].height) == (4 * 64, 64)


def test_what_a_kill_undid_is_not_shown(tmp_path: Path) -> None:
    config = replace(SHORT, steps=20)
    train(config, samples(), tmp_path / "a", replace(OPTIONS, stop_at=10), nothing)
    checkpoint = (tmp_path / "a" / "checkpoint.pt").read_bytes()
    train(config, samples(), tmp_path / "a", OPTIONS, nothing)
    (tmp_path / "a" / "checkpoint.pt").write_bytes(checkpoint)  # as if it had been killed before the next one
    train(config, samples(), tmp_path / "a", OPTIONS, nothing)
    assert [event.step for event in read_back(tmp_path / "a").Scalars("training/loss")] == [10, 20]


def test_flow_is_coloured_by_direction_and_length() -> None:
    flow = torch.zeros(1, 2, 1, 4)
    flow[0, :, 0, 1] = torch.tensor([2.0, 0.0])
    flow[0, :, 0, 2] = torch.tensor([-2.0, 0.0])
    flow[0, :, 0, 3] = torch.tensor([1.0, 0.0])
    still, right, left, slow = flow_to_rgb(flow)[0, :, 0].T
    torch.testing.assert_close(still, torch.ones(3))
    torch.testing.assert_close(right, torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(left, torch.tensor([0.0, 1, 1]))
    torch.testing.assert_close(slow, torch.tensor([1.0, 0.5, 0.5]))
