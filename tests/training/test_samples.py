"""Samples by number: deterministic, of the right shape, and from the configured sources."""

import numpy as np
import pytest
import torch

from slomo_batch.interpolators.superslomo.prior import PriorSearch
from slomo_batch.training.degrade import DegradationConfig
from slomo_batch.training.prepare import MappedWindows
from slomo_batch.training.random_scenes import SceneConfig
from slomo_batch.training.samples import SampleConfig, SampleDataset
from tests.interpolators.footage import texture

CLEAN = DegradationConfig(noise_share=0, compression_share=0)


def photographs() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return [(texture(150, 170, seed=seed).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy() for seed in range(3)]


def film() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """One window whose frame n is n * 20 everywhere."""
    return [np.stack([np.full((80, 90, 3), 20 * number, np.uint8) for number in range(9)])]


def mix(film_share: float, degrade: DegradationConfig = CLEAN) -> SampleConfig:
    return SampleConfig(crop_px=64, film_share=film_share, scenes=SceneConfig(max_motion_px=10), degrade=degrade)


def test_a_number_gives_the_same_sample_whatever_was_drawn_before() -> None:
    first, second = (SampleDataset(photographs(), film(), mix(0.5, DegradationConfig()), seed=7) for _ in range(2))
    for number in range(6):
        second[number + 50]
        ours, theirs = first[number], second[number]
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_other_numbers_and_other_seeds_give_other_samples() -> None:
    samples, others = (SampleDataset(photographs(), film(), mix(0), seed=seed) for seed in (1, 2))
    assert not torch.equal(samples[0]["frame"], samples[1]["frame"])
    assert not torch.equal(samples[0]["frame"], others[0]["frame"])


def test_a_made_scene_has_its_flow_and_film_has_none() -> None:
    scene, real = (SampleDataset(photographs(), film(), mix(share), seed=1)[0] for share in (0, 1))
    assert scene["flows"].shape == real["flows"].shape == scene["prior"].shape == (4, 16, 16)
    assert float(scene["has_flow"]) == 1
    assert float(real["has_flow"]) == 0
    assert scene["flows"].abs().max() > 0
    assert {scene[name].dtype for name in ("seen0", "seen1", "i0", "frame", "i1")} == {torch.uint8}
    assert scene["frame"].shape == (3, 64, 64)


def test_the_prior_flow_is_found_as_the_config_states() -> None:
    searches = (PriorSearch(), PriorSearch(refinement_iterations=0, median_px=3), PriorSearch(kind="none"))
    shipped, plain, none = (SampleDataset(photographs(), film(), mix(0), seed=1, prior=one)[0] for one in searches)
    assert torch.equal(shipped["prior"], SampleDataset(photographs(), film(), mix(0), seed=1)[0]["prior"])
    assert not torch.equal(shipped["prior"], plain["prior"])
    assert torch.equal(none["prior"], torch.zeros(4, 16, 16))
    assert torch.equal(shipped["frame"], plain["frame"])


def test_the_time_of_a_frame_of_film_is_where_it_stands_between_the_two() -> None:
    samples = SampleDataset(photographs(), film(), mix(1), seed=3)
    times = set()
    for number in range(60):
        sample = samples[number]
        i0, frame, i1 = (float(sample[name].float().mean()) for name in ("i0", "frame", "i1"))
        assert float(sample["t"]) == pytest.approx((frame - i0) / (i1 - i0))
        times.add(round(float(sample["t"]), 3))
    assert {0.25, 0.5, 0.75} <= times


def test_sources_are_degraded_and_what_is_to_be_made_is_not() -> None:
    noisy = DegradationConfig(noise_share=1, max_noise=0.05, compression_share=0)
    sample = SampleDataset(photographs(), film(), mix(1, noisy), seed=1)[0]
    assert sample["frame"].float().std() == 0
    assert sample["seen0"].float().std() > 0
    assert not torch.equal(sample["seen0"], sample["i0"])


def test_windows_on_disk_travel_to_another_process_as_a_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    import pickle  # noqa: PLC0415 as multiprocessing does it

    path = tmp_path_factory.mktemp("film") / "film.npy"
    np.save(path, np.stack(film() * 4))
    sent = pickle.dumps(MappedWindows(path))
    assert len(sent) < 1000
    there: MappedWindows = pickle.loads(sent)
    assert len(there) == 4
    assert np.array_equal(there[2], film()[0])
    assert len(there[::2]) == 2


def test_the_prior_flow_is_close_to_the_true_one() -> None:
    config = SampleConfig(crop_px=96, film_share=0, scenes=SceneConfig(max_motion_px=10), degrade=CLEAN)
    samples = SampleDataset(photographs(), film(), config, seed=5)
    off = torch.stack([(samples[n]["prior"] - samples[n]["flows"]).float().abs().median() for n in range(8)])
    moved = torch.stack([samples[n]["flows"].float().abs().median() for n in range(8)])
    assert off.mean() < moved.mean() / 3
