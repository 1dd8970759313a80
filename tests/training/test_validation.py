"""Validation: PSNR, and the frames of each pair."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.training.validation import (
    NUM_SCENES,
    ValidationPair,
    mean_psnr,
    prepared_pairs,
    psnr,
    validate_network,
)
from tests.interpolators.footage import texture


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder whose films get brighter by 20 each frame."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "photographs").mkdir()
    (folder / "films").mkdir()
    image = (texture(300, 320).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    np.save(folder / "photographs" / "a.npy", image)
    window = np.stack([np.full((64, 64, 3), 20 * number, np.uint8) for number in range(9)])
    for part in ("film", "world"):
        np.save(folder / "films" / f"{part}-validation.npy", np.stack([window, window]))
    return folder


@pytest.fixture(scope="module")
def found(prepared: Path) -> Mapping[str, list[ValidationPair]]:
    """Its pairs by name; to make them takes seconds."""
    return prepared_pairs(prepared)


def test_psnr_of_a_known_error() -> None:
    made, truth = torch.full((3, 8, 8), 100 / 255), torch.full((3, 8, 8), 100, dtype=torch.uint8)
    assert psnr(made + 10 / 255, truth) == pytest.approx(28.13, abs=0.01)
    assert psnr(made + 0.3 / 255, truth) > 100, "frames are judged as 8 bits"
    assert psnr(torch.full((3, 8, 8), 1.7), torch.full_like(truth, 255)) > 100, "and clipped"


def test_footage_is_predicted_from_neighbors_near_and_far(found: Mapping[str, list[ValidationPair]]) -> None:
    levels = {name: [round(float(x.float().mean())) for x in (pair.i0, *pair.between.values(), pair.i1)]
              for name, (pair, *_) in found.items() if "x" in name.split()[1]}  # fmt: skip
    assert levels["film 2x"] == [60, 80, 100]
    assert levels["world 4x"] == [40, 60, 80, 100, 120]
    assert levels["film 8x"] == [0, 20, 40, 60, 80, 100, 120, 140, 160]
    assert list(found["film 4x"][0].between) == [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]
    assert len(found["scenes to 60 px"]) == NUM_SCENES


def test_pairs_of_a_window_share_its_pictures(found: Mapping[str, list[ValidationPair]]) -> None:
    near, far = found["film 2x"][0], found["film 8x"][0]
    assert near.i0.dtype == torch.uint8
    assert near.i0.data_ptr() == far.between[Fraction(3, 8)].data_ptr()


def test_scenes_are_the_same_every_time(prepared: Path, found: Mapping[str, list[ValidationPair]]) -> None:
    first, second = found["noisy scenes"][3], prepared_pairs(prepared)["noisy scenes"][3]
    assert first is not second
    assert torch.equal(first.i0, second.i0)


def test_blending_predicts_a_fade_without_error(found: Mapping[str, list[ValidationPair]]) -> None:
    film = {name: those for name, those in found.items() if name.startswith("film")}
    assert min(mean_psnr(Blend(), film).values()) > 100


def test_a_method_that_holds_source_frames_is_rejected() -> None:
    pair = ValidationPair(
        i0=torch.zeros(3, 8, 8), i1=torch.zeros(3, 8, 8), between={Fraction(1, 2): torch.zeros(3, 8, 8)}
    )
    with pytest.raises(TypeError, match="holds source frames"):
        mean_psnr(Duplicate(), {"all": [pair]})


def test_a_network_is_judged_as_the_product_runs_it_and_left_as_it_was() -> None:
    network = Guided()
    network.load_state_dict(load(shipped_file("compact-1")).tensors)
    network.zero_last_layers()
    scene = texture(128, 140)
    i0, middle, i1 = ((scene[:, :, x : x + 128] * 255).round().to(torch.uint8) for x in (4, 2, 0))
    found = validate_network(
        network, {"pan": [ValidationPair(i0=i0, i1=i1, between={Fraction(1, 2): middle})]}, "fp32", torch.device("cpu")
    )
    assert set(found) == {"pan", "mean"}
    assert found["mean"] == found["pan"]
    assert found["mean"] > 30
    assert network.training
    assert network.fc.o.weight.dtype == torch.float32
    assert network.fc.o.weight.requires_grad
