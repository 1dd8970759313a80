"""Seconds per pair at 640x384 and 4x, of every network and classical method, in one process (make bench).

The paper's network is run twice: as the public scripts do it (fp32, contiguous, each t alone), and as the product does.
Memory is kept as a worker keeps it, for all of them. Medians of rounds in which all take turns, each with some pairs in
a row, as a job makes them; the documented figures are ratios within the run.
"""

import json
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from statistics import median

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.allocator import keep_freed_memory
from slomo_batch.interpolators.contract import Held, make_frames
from slomo_batch.interpolators.device import supported_precision
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from tests.benchmarks.test_speed import circumstances
from tests.interpolators.footage import real_clip, rgb_frames
from tests.interpolators.weights_files import public_state

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
HEIGHT, WIDTH, ROUNDS, PAIRS = 384, 640, 5, 3
TIMES = [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]


@pytest.mark.parametrize("threads", [1, 2])
def test_seconds_per_pair_of_every_network_and_rival(threads: int) -> None:
    keep_freed_memory()
    window = [frame / 255 for frame in rgb_frames(real_clip("bigbuckbunny"), start=30, num=4, size=(WIDTH, HEIGHT))]
    candidates = {"paper, as published": published(window, threads), "paper": paper(window, threads)}
    candidates |= {name: product("superslomo", window, threads, name) for name in shipped_names()}
    candidates |= {method: product(method, window, threads) for method in ("flow", "mci")}
    frames = {name: run() for name, run in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            seconds[name].append(timed(partial(repeated, run)) / PAIRS)
    whole = median(seconds["paper, as published"])
    rows = {
        name: {"s_per_pair": round(median(took), 4), "times_as_fast": round(whole / median(took), 1)}
        for name, took in seconds.items()
    }
    off = torch.stack(frames["paper"]) - torch.stack(frames["paper, as published"])
    psnr = float(-10 * torch.log10(off.square().mean()))
    print()  # noqa: T201 the product of a benchmark
    for name, row in rows.items():
        print(f"{name:20} {json.dumps(row)}")  # noqa: T201 as above
    print(json.dumps({**circumstances(), "threads": threads, "paper_psnr_db": round(psnr, 1), **peaks()}))  # noqa: T201
    assert psnr > 45
    newest = shipped_names()[-1]
    assert median(seconds[newest]) < median(seconds["mci"])


def with_public_shapes() -> Paper:
    network = Paper()
    network.load_state_dict(
        {f"fc.{key}": value for key, value in public_state(6, 4, seed=1).items()}
        | {f"at.{key}": value for key, value in public_state(20, 5, seed=2).items()}
    )
    return network.eval().requires_grad_(False)


def published(window: list[Tensor], threads: int) -> Callable[[], list[Tensor]]:
    network, (_, i0, i1, _) = with_public_shapes(), (frame[None] for frame in window)

    def run() -> list[Tensor]:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            flows = network.flows(i0, i1)
            return [network.frames(i0, i1, flows, torch.tensor([float(t)]))[0] for t in TIMES]

    return run


def paper(window: list[Tensor], threads: int) -> Callable[[], list[Tensor]]:
    model = SuperSlomo(
        with_public_shapes(),
        device=torch.device("cpu"),
        precision=supported_precision(),
        flow_scale=Fraction(1),
        threads=threads,
    )
    return lambda: [frame for frame in model.between(window[1], window[2], TIMES) if not isinstance(frame, Held)]


def product(method: str, window: list[Tensor], threads: int, weights: str = "") -> Callable[[], list[Tensor]]:
    spec = InterpolatorSpec(
        method=method,
        weights_path=str(shipped_file(weights)) if weights else "",
        precision=supported_precision(),
        pyramid_levels=3,
        threads=threads,
    )
    model = open_interpolator(spec)
    seen = window if method == "mci" else window[1:3]
    return lambda: [frame for frame in make_frames(model, seen, TIMES) if not isinstance(frame, Held)]


def repeated(run: Callable[[], object]) -> None:
    for _ in range(PAIRS):
        run()


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def peaks() -> dict[str, float]:
    """TFLOP/s of a matrix product of 1024 x 1024, the best of ten: the ceiling."""
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        matrix = torch.rand(1024, 1024).to(dtype)
        found[f"tflops_{name}"] = round(
            2 * 1024**3 / min(timed(partial(torch.matmul, matrix, matrix)) for _ in range(10)) / 1e12, 3
        )
    return found
