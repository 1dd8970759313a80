"""Stored samples: made once, also after an interruption, and varied so that motion still fits the pictures."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from slomo_batch.errors import DiskFull, ManifestError
from slomo_batch.interpolators.superslomo.synthesis import half_size
from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.training.degrade import DegradationConfig
from slomo_batch.training.distributed import WorkerGroup, WorkerSampler
from slomo_batch.training.random_scenes import SceneConfig
from slomo_batch.training.samples import SampleConfig, SampleDataset, TrainingSample
from slomo_batch.training.stored_samples import StoredSamples, mirrored, reversed_in_time, store, transposed, varied
from tests.training.test_loop import limited
from tests.training.test_samples import film, photographs

PAN = SceneConfig(max_motion_px=8, max_cut_outs=0, still_share=0, affine_share=0)
CLEAN = DegradationConfig(noise_share=0, compression_share=0)
NUMBER = 5


def drawn(crop_px: int = 80, film_share: float = 0.0) -> SampleDataset:
    mix = SampleConfig(crop_px=crop_px, film_share=film_share, scenes=PAN, degrade=CLEAN)
    return SampleDataset(photographs(), film(), mix, seed=3, prior=None)


def stored(folder: Path, samples: SampleDataset | None = None) -> list[str]:
    """Store samples. Returns what was logged."""
    lines: list[str] = []
    store(samples or drawn(), folder, range(NUMBER), processes=0, log=lines.append)
    return lines


def picture(sample: TrainingSample, name: str) -> Tensor:
    """At half size, in which flow is measured."""
    return half_size(sample[name][None].float() / 255)


def misfits(sample: TrainingSample) -> list[float]:
    """Errors of frames that are warped by the flows of a sample: i1 to i0, i0 to i1, i0 to t, i1 to t."""
    i0, frame, i1 = (picture(sample, name) for name in ("i0", "frame", "i1"))
    flows, flows_t = sample["flows"][None].float(), sample["flows_t"][None].float()
    pairs = [(i1, flows[:, :2], i0), (i0, flows[:, 2:], i1), (i0, flows_t[:, :2], frame), (i1, flows_t[:, 2:], frame)]
    inner = (..., slice(8, -8), slice(8, -8))
    return [float((exact_warp(seen, flow) - truth)[inner].abs().mean()) for seen, flow, truth in pairs]


CHANGES = {
    "none": lambda sample: sample,
    "left and right": lambda sample: mirrored(sample, across=True),
    "top and bottom": lambda sample: mirrored(sample, across=False),
    "rows and columns": transposed,
    "time": reversed_in_time,
}


@pytest.mark.parametrize("change", CHANGES)
def test_flows_still_fit_the_pictures(change: str) -> None:
    for number in range(4):
        sample = drawn()[number]
        still = float((picture(sample, "i0") - picture(sample, "i1")).abs().mean())
        assert max(misfits(CHANGES[change](sample))) < 0.4 * still


def test_a_variation_fits_too_and_twice_the_same_is_nothing() -> None:
    sample = drawn()[0]
    for seed in range(12):
        assert max(misfits(varied(sample, np.random.default_rng(seed)))) < 0.03
    for change in ("left and right", "top and bottom", "rows and columns", "time"):
        twice = CHANGES[change](CHANGES[change](sample))
        assert all(torch.equal(twice[name], value) for name, value in sample.items()), change


def test_reversed_in_time_the_other_frame_is_visible() -> None:
    sample = drawn()[1] | {"visible": torch.stack((torch.zeros(40, 40), torch.ones(40, 40)))}
    turned = reversed_in_time(sample)
    assert turned["visible"][0].min() == 1
    assert float(turned["t"]) == 1 - float(sample["t"])
    assert torch.equal(turned["seen0"], sample["seen1"])


def test_variations_are_parts_of_what_was_stored_by_number(tmp_path: Path) -> None:
    stored(tmp_path)
    variations = StoredSamples(tmp_path, crop_px=64, seed=1)
    first = variations[7]
    assert {name: tuple(value.shape) for name, value in first.items()} == {
        **dict.fromkeys(("seen0", "seen1", "i0", "frame", "i1"), (3, 64, 64)),
        **dict.fromkeys(("flows", "flows_t", "guide"), (4, 16, 16)),
        "visible": (2, 32, 32),
        "taught_error": (1, 16, 16),
        "t": (),
        "has_flow": (),
    }
    assert all(
        torch.equal(value, first[name]) for name, value in StoredSamples(tmp_path, crop_px=64, seed=1)[7].items()
    )
    assert max(misfits(first)) < 0.03
    assert not torch.equal(first["frame"], variations[8]["frame"])


def total(sample: TrainingSample) -> float:
    """The same for all variations of the whole of a sample."""
    return float(sample["frame"].float().sum())


def test_each_stored_sample_is_used_before_any_is_used_again(tmp_path: Path) -> None:
    stored(tmp_path)
    variations = StoredSamples(tmp_path, crop_px=80, seed=1)
    brightness = sorted(total(drawn()[number]) for number in range(NUMBER))
    for turn in range(3):
        used = [variations[turn * NUMBER + place] for place in range(NUMBER)]
        assert sorted(map(total, used)) == brightness


@pytest.mark.parametrize("size", [1, 2, 4])
def test_each_worker_uses_each_sample_that_it_stored_before_any_again(size: int, tmp_path: Path) -> None:
    each, batch = 2, 2 * size
    for rank in range(size):
        group = WorkerGroup(rank=rank, size=size)
        store(drawn(), tmp_path / str(rank), range(rank, 4 * size, size), processes=0, log=lambda _: None)
        variations = StoredSamples(tmp_path / str(rank), crop_px=80, seed=1, batch=batch, group=group)
        own = sorted(total(drawn()[number]) for number in range(rank, 4 * size, size))
        numbers = list(WorkerSampler(batch=batch, first_step=0, steps=4, group=group))
        for turn in (numbers[: 2 * each], numbers[2 * each :]):
            assert sorted(total(variations[number]) for number in turn) == own


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("frame.npy", lambda path: path.write_bytes(path.read_bytes()[:1000])),
        ("frame.npy", lambda path: path.write_bytes(b"")),
        ("frame.npy", lambda path: path.unlink()),
        ("frame.npy", lambda path: path.write_bytes(path.with_name("t.npy").read_bytes())),
        ("stored.json", lambda path: path.write_text("")),
        ("stored.json", lambda path: path.write_text('{"mad')),
    ],
)
def test_damaged_samples_are_an_error_that_says_what_to_do(
    name: str, damage: Callable[[Path], object], tmp_path: Path
) -> None:
    stored(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(ManifestError, match=r"stored samples are damaged.*Delete this folder"):
        stored(tmp_path)


def test_samples_that_do_not_fit_on_the_disk_are_an_error_before_any_is_made(tmp_path: Path) -> None:
    samples = Counting(most=1)  # one is drawn for its shape
    with limited(20_000), pytest.raises(DiskFull):
        stored(tmp_path, samples)
    assert stored(tmp_path)[-1] == "stored 5 of 5 samples"


class Counting(SampleDataset):
    """Counts what is drawn, and fails after `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(
            photographs(), film(), SampleConfig(crop_px=80, film_share=0, scenes=PAN, degrade=CLEAN), seed=3, prior=None
        )
        self.most = most
        self.drawn = 0

    def __getitem__(self, number: int) -> TrainingSample:
        self.drawn += 1
        if self.drawn > self.most:
            raise KeyboardInterrupt
        return super().__getitem__(number)


def test_storing_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slomo_batch.training.stored_samples.NOTED_EVERY", 1)
    with pytest.raises(KeyboardInterrupt):
        stored(tmp_path / "cut", Counting(most=4))  # one is drawn for its shape
    rest = Counting(most=100)
    assert stored(tmp_path / "cut", rest)[-1] == "stored 5 of 5 samples"
    assert rest.drawn == 1 + NUMBER - 3
    stored(tmp_path / "whole")
    cut, whole = (StoredSamples(tmp_path / name, crop_px=64, seed=1) for name in ("cut", "whole"))
    for number in range(NUMBER):
        assert all(torch.equal(value, cut[number][name]) for name, value in whole[number].items())
    assert stored(tmp_path / "cut", Counting(most=1)) == []


def test_a_data_worker_gets_no_copy_of_what_is_stored(tmp_path: Path) -> None:
    stored(tmp_path)
    samples = StoredSamples(tmp_path, crop_px=64, seed=1)
    frame = samples[0]["frame"]
    pickled = pickle.dumps(samples)
    assert len(pickled) < 1000
    assert torch.equal(pickle.loads(pickled)[0]["frame"], frame)


def test_film_without_a_teacher_teaches_nothing() -> None:
    sample = drawn(film_share=1.0)[0]
    assert torch.isinf(sample["taught_error"]).all()
    assert float(sample["has_flow"]) == 0
