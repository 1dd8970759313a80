"""Stored samples: made once, then used again and again, each time a little different.

To make a sample takes as long as a training step with it. So a run makes some thousands, which are larger than what the
network sees, and each use takes another part, mirrors, turns, reverses and recolors it at random. Variation k is always
the same, as sample k is.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from slomo_batch.errors import ManifestError
from slomo_batch.storage.local_errors import storage_error
from slomo_batch.training.distributed import WorkerGroup
from slomo_batch.training.samples import SampleDataset, TrainingSample

PICTURES = ("seen0", "seen1", "i0", "frame", "i1")
FLOWS = ("flows", "flows_t", "guide")
RECOLORED_SHARE = 0.3
"""Share of uses with the colors in another order."""
NOTED_EVERY = 100
"""Samples between two notes of how many are stored."""
SINGLE_WORKER = WorkerGroup()
SPANS = {"flows": 4, "flows_t": 4, "guide": 4, "taught_error": 4, "visible": 2}
"""Resolution of what is not at the resolution of the pictures, as a divisor."""


class StoredSamples(Dataset[TrainingSample]):
    """Variations of the samples that a worker has stored; of several workers, each uses its own."""

    def __init__(
        self, folder: Path, *, crop_px: int, seed: int, batch: int = 1, group: WorkerGroup = SINGLE_WORKER
    ) -> None:
        """Use what `store` has stored; variations have `crop_px` rows and columns. A step takes `batch` of them."""
        self._folder, self._crop_px, self._seed = folder, crop_px, seed
        self._batch, self._each, self._rank = batch, batch // group.size, group.rank

    @cached_property
    def _arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """By name. Each data worker opens them itself: pickled, they would be in the memory of each."""
        return {path.stem: np.load(path, mmap_mode="r") for path in sorted(self._folder.glob("*.npy"))}

    def __getstate__(self) -> dict[str, object]:
        """Leave the arrays out."""
        return {name: value for name, value in vars(self).items() if name != "_arrays"}

    def __getitem__(self, number: int) -> TrainingSample:
        """Return variation `number`, which is of this worker's part of a batch.

        The worker uses each sample that it has stored once before any again.
        """
        step, in_batch = divmod(number, self._batch)
        turn, place = divmod(step * self._each + in_batch - self._rank * self._each, len(self._arrays["t"]))
        order = np.random.default_rng((self._seed, turn)).permutation(len(self._arrays["t"]))
        rng = np.random.default_rng((self._seed, number, 1))
        margin = self._arrays["frame"].shape[-1] - self._crop_px
        top, left = (4 * int(rng.integers(0, margin // 4 + 1)) for _ in range(2))
        return varied({name: self._part(name, order[place], top, left) for name in self._arrays}, rng)

    def _part(self, name: str, place: int, top: int, left: int) -> Tensor:
        stored = self._arrays[name][place]
        if not stored.ndim:
            return torch.tensor(stored)
        divisor = SPANS.get(name, 1)
        top, left, side = top // divisor, left // divisor, self._crop_px // divisor
        part = stored[:, top : top + side, left : left + side]
        return torch.from_numpy(np.array(part))


def varied(sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
    """Return a sample mirrored, turned, reversed in time and with its colors in another order, each at random."""
    if rng.random() < 0.5:
        sample = mirrored(sample, across=True)
    if rng.random() < 0.5:
        sample = mirrored(sample, across=False)
    if rng.random() < 0.5:
        sample = transposed(sample)
    if rng.random() < 0.5:
        sample = reversed_in_time(sample)
    if rng.random() < RECOLORED_SHARE:
        order = torch.from_numpy(rng.permutation(3))
        sample = sample | {name: sample[name][order] for name in PICTURES}
    return {name: value.contiguous() for name, value in sample.items()}


def _each(sample: TrainingSample, change: Callable[[Tensor], Tensor]) -> TrainingSample:
    return {name: change(value) if value.ndim else value for name, value in sample.items()}


def mirrored(sample: TrainingSample, *, across: bool) -> TrainingSample:
    """Mirror left and right, or top and bottom."""
    turned = _each(sample, lambda value: value.flip(-1 if across else -2))
    sign = torch.tensor([-1.0, 1.0] if across else [1.0, -1.0]).repeat(2)[:, None, None]
    return turned | {name: (turned[name] * sign).to(turned[name].dtype) for name in FLOWS if name in turned}


def transposed(sample: TrainingSample) -> TrainingSample:
    """Swap rows and columns."""
    turned = _each(sample, lambda value: value.transpose(-2, -1))
    return turned | {name: turned[name][[1, 0, 3, 2]] for name in FLOWS if name in turned}


def reversed_in_time(sample: TrainingSample) -> TrainingSample:
    """Let the second frame be the first."""
    turned = sample | {"seen0": sample["seen1"], "seen1": sample["seen0"], "i0": sample["i1"], "i1": sample["i0"]}
    turned["t"] = 1 - sample["t"]
    turned |= {name: sample[name][[2, 3, 0, 1]] for name in FLOWS if name in sample}
    return turned | ({"visible": sample["visible"].flip(0)} if "visible" in sample else {})


# ---- storing ---------------------------------------------------------------------------------------------------------


def store(samples: SampleDataset, folder: Path, numbers: range, *, processes: int, log: Callable[[str], None]) -> None:
    """Store the samples with these numbers, or the rest of them if an earlier call was interrupted.

    `processes`: data workers that make them; 0: this one does.

    Raises:
        ManifestError: what an earlier call stored is damaged.
        DiskFull, StorageError: the disk is full, or fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = _number_made(folder)
    arrays = _opened(folder, samples[numbers[0]], len(numbers), is_new=not made)
    rest = DataLoader(
        _Numbered(samples, numbers[made:]),
        batch_size=None,
        num_workers=processes,
        multiprocessing_context="spawn" if processes else None,
    )
    for sample in rest if made < len(numbers) else ():
        for name, array in arrays.items():
            array[made] = sample[name].numpy()
        made += 1
        if made % NOTED_EVERY == 0 or made == len(numbers):
            _note_made(folder, arrays, made)
            log(f"stored {made} of {len(numbers)} samples")


class _Numbered(Dataset[TrainingSample]):
    def __init__(self, samples: SampleDataset, numbers: range) -> None:
        self._samples, self._numbers = samples, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> TrainingSample:
        return self._samples[self._numbers[place]]


def _opened(folder: Path, like: TrainingSample, number: int, *, is_new: bool) -> Mapping[str, NDArray[np.generic]]:
    """Open an array for each value of a sample, of so many samples; with `is_new`, on disk that is reserved for it."""

    def opened(name: str, value: NDArray[np.generic]) -> NDArray[np.generic]:
        path, shape = folder / f"{name}.npy", (number, *value.shape)
        if is_new:
            _reserve(path, value.dtype, shape)
        with _damage_reported(folder):
            there = np.load(path, mmap_mode="r")  # opened to write, a file that was cut off would grow
            if (there.shape, there.dtype) != (shape, value.dtype):
                raise ValueError(f"{path.name} has other samples")
        array: NDArray[np.generic] = np.load(path, mmap_mode="r+")
        return array

    return {name: opened(name, value.numpy()) for name, value in like.items()}


def _reserve(path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
    """Create an array of zeros whose disk space is there: a write into an array without it would end the process."""
    try:
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise storage_error(error, str(path)) from error


def _number_made(folder: Path) -> int:
    path = folder / "stored.json"
    with _damage_reported(folder):
        return int(json.loads(path.read_text("utf-8"))["made"]) if path.exists() else 0


@contextmanager
def _damage_reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError) as error:  # a JSONDecodeError is a ValueError
        raise ManifestError(
            f"the stored samples are damaged: {error}",
            where=str(folder),
            remedy="Delete this folder: they are made again.",
        ) from error


def _note_made(folder: Path, arrays: Mapping[str, NDArray[np.generic]], made: int) -> None:
    for array in arrays.values():
        if isinstance(array, np.memmap):
            array.flush()
    partial = folder / "stored.partial"
    partial.write_text(json.dumps({"made": made}), "utf-8")
    os.replace(partial, folder / "stored.json")  # noqa: PTH105 replaces on every system
