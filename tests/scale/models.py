"""Models of a large job: its videos, the durations of its work, the lives of its machines.

A machine's lives are drawn from `seed` and its name, never from a shared stream: what it does in its third life is the
same whatever a scheduler did before, so that an oracle can know it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """A job of this size, on machines of this kind. Times in seconds."""

    num_videos: int
    num_chunks: int
    num_workers: int
    seed: int = 1
    workers_per_machine: int = 4
    slots: int = 2
    """Chunks a worker holds: it works on one, the other's transfers are hidden behind it."""
    # Work, in seconds of a worker of speed 1.
    chunk_s: float = 20.0
    """Median over videos: lognormal, sigma `spread` between videos, 0.1 within one."""
    spread: float = 0.4
    straggling: float = 0.001
    """Share of attempts that take `straggling_factor` times as long, wherever they run."""
    straggling_factor: float = 5.0
    report_s: float = 0.0
    """Seconds between two reports of how many frames of a chunk are made; 0: none."""
    # Machines.
    start_s: float = 60.0
    """From the request to the first worker that is ready: this, and as much again on average, exponentially."""
    life_s: float = 4 * 3600.0
    """Mean time until a machine is preempted, exponential; every second time with a notice of `notice_s`."""
    notice_s: float = 120.0
    process_life_s: float = 50 * 3600.0
    """Mean time until a worker's process dies unexplained, exponential; it is up again after `reload_s`."""
    reload_s: float = 15.0
    slow_share: float = 0.02
    """Share of workers of speed 0.4; the others' speeds are even between 0.75 and 1.25."""
    # Steps without a model: a second each, and the bytes.
    step_s: float = 1.0
    bytes_per_s: float = 100e6
    object_bytes: float = 4e6
    """Of a chunk's object."""
    segment_bytes: float = 8e6
    # CPUs for them.
    cpus_per_machine: int = 8
    """Each of its workers takes one; the others run steps."""
    num_step_machines: int = 4
    """Machines of as many CPUs and without workers, started where steps wait for a CPU; they stay."""
    begins: Literal["one up", "first run", "from zero"] = "one up"
    """The machines when the job begins: one is up; none is, and the first worker decides for the job; or none is, as in
    a later run."""
    errors: float = 0.0005
    """Share of chunk attempts and steps that end in an error that passes."""
    num_poison: int = 3
    """Videos one chunk of which kills its worker, every time."""
    num_undecodable: int = 20
    """Videos that need the decode lane, which shows when one of their chunks runs."""
    num_surveyed: int = 0
    """Videos that are planned from a survey."""
    surveyed_chunks_per_s: float = 2.0
    """Chunks whose source frames a survey decodes in a second."""

    @property
    def num_machines(self) -> int:
        """The machines needed for the workers."""
        return -(-self.num_workers // self.workers_per_machine)

    def split_s(self, num_objects: int) -> float:
        """Seconds until that many of a video's chunk objects are stored."""
        return self.step_s + num_objects * self.object_bytes / self.bytes_per_s

    def survey_s(self, num_chunks: int) -> float:
        """Seconds of a survey of a video of so many chunks."""
        return self.step_s + num_chunks / self.surveyed_chunks_per_s

    def stitch_s(self, num_chunks: int) -> float:
        """Segments are fetched while they are joined; then the output is uploaded."""
        return self.step_s + 2 * num_chunks * self.segment_bytes / self.bytes_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The videos: how many chunks each has, and the work in them."""

    num_chunks: NDArray[np.int64]
    """By video: lognormal with sigma 1.2, so that one in a thousand is a film forty times as long as most."""
    first_chunk: NDArray[np.int64]
    """Of each video, among all chunks of the archive."""
    work_s: NDArray[np.float32]
    """By chunk of the archive, in seconds of a worker of speed 1."""
    poison: frozenset[int]
    undecodable: frozenset[int]
    surveyed: frozenset[int]
    has_audio: NDArray[np.bool_]

    @classmethod
    def of(cls, models: Models) -> "Archive":
        """The archive of these models."""
        draw = np.random.default_rng(models.seed)
        sizes = draw.lognormal(0.0, 1.2, models.num_videos)
        chunks = np.maximum(1, np.floor(sizes * models.num_chunks / sizes.sum())).astype(np.int64)
        chunks[np.argmax(chunks)] += models.num_chunks - chunks.sum()
        of_video = models.chunk_s * draw.lognormal(0.0, models.spread, models.num_videos)
        work = np.repeat(of_video, chunks) * draw.lognormal(0.0, 0.1, int(chunks.sum()))
        odd = [int(video) for video in draw.permutation(models.num_videos)]
        surveyed_from = models.num_poison + models.num_undecodable
        return cls(
            num_chunks=chunks,
            first_chunk=np.concatenate([[0], np.cumsum(chunks)[:-1]]),
            work_s=work.astype(np.float32),
            poison=frozenset(odd[: models.num_poison]),
            undecodable=frozenset(odd[models.num_poison : surveyed_from]),
            surveyed=frozenset(odd[surveyed_from : surveyed_from + models.num_surveyed]),
            has_audio=draw.random(models.num_videos) < 0.6,
        )

    def size_bytes(self, models: Models) -> list[int]:
        """Sizes of the sources by video: by their lengths, and up to three times as large or small for each chunk."""
        per_chunk = np.random.default_rng(models.seed).uniform(1e6, 9e6, len(self.num_chunks))
        return [int(size) for size in self.num_chunks * per_chunk]

    def work_of(self, video: int, chunk: int) -> float:
        """Seconds of one chunk on a worker of speed 1."""
        return float(self.work_s[self.first_chunk[video] + chunk])


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One machine from its request to its end. Times from its request."""

    up_s: float
    notice_s: float
    """Time of the notice; infinity without one."""
    end_s: float
    speeds: Sequence[float]
    """Of its workers."""
    deaths_s: Sequence[Sequence[float]]
    """By worker, when its process dies unexplained, rising."""

    @classmethod
    def of(cls, models: Models, machine: int, number: int) -> "Life":
        """The `number`-th life of a machine, from 0."""
        chance = Random(f"{models.seed} {machine} {number}")
        is_up = models.begins == "one up" and machine == number == 0
        up_s = 0.0 if is_up else start_of(models, chance)
        end_s = up_s + chance.expovariate(1 / models.life_s)
        is_announced = number % 2 == 1
        return cls(
            up_s=up_s,
            notice_s=max(up_s, end_s - models.notice_s) if is_announced else math.inf,
            end_s=end_s,
            speeds=[_speed(models, chance) for _ in range(models.workers_per_machine)],
            deaths_s=[_deaths(models, chance, up_s, end_s) for _ in range(models.workers_per_machine)],
        )


def start_of(models: Models, chance: Random) -> float:
    """Seconds from the request for a machine until it is up."""
    return models.start_s + chance.expovariate(1 / models.start_s)


def step_machine_up_s(models: Models, number: int) -> float:
    """Seconds from the request for the `number`-th machine for steps until it is up."""
    return start_of(models, Random(f"{models.seed} steps {number}"))


def _speed(models: Models, chance: Random) -> float:
    return 0.4 if chance.random() < models.slow_share else chance.uniform(0.75, 1.25)


def _deaths(models: Models, chance: Random, up_s: float, end_s: float) -> list[float]:
    deaths, now = [], up_s
    while (now := now + chance.expovariate(1 / models.process_life_s)) < end_s:
        deaths.append(now)
        now += models.reload_s
    return deaths
