"""The network alone, as many pairs at once as there are cores: the ceiling of every command that uses it."""

import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from torch import Tensor

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import to_rgb
from slomo_batch.interpolators.allocator import keep_freed_memory
from slomo_batch.interpolators.contract import make_frames
from slomo_batch.interpolators.device import supported_precision
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.records.source_facts import ColorFacts

TIMES = [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]


def seconds_alone(clip: Path, weights: str, *, cores: int) -> float:
    """Wall time of all pairs of a clip, slowed down four times, once two pairs have been made."""
    keep_freed_memory()
    model = open_interpolator(
        InterpolatorSpec(
            method="superslomo", weights_path=str(shipped_file(weights)), precision=supported_precision(), threads=1
        )
    )
    frames = _rgb(clip)

    def make(pair: tuple[Tensor, Tensor]) -> int:
        return len(list(make_frames(model, pair, TIMES)))

    with ThreadPoolExecutor(cores) as pool:
        assert list(pool.map(make, list(pairwise(frames))[:cores])) == [len(TIMES)] * cores
        began_s = time.perf_counter()
        assert len(list(pool.map(make, pairwise(frames)))) == len(frames) - 1
        return time.perf_counter() - began_s


def _rgb(clip: Path) -> list[Tensor]:
    facts = ColorFacts(matrix="bt709", primaries="bt709", transfer="bt709", range="limited", chroma_location="left")
    with av.open(str(clip)) as container:
        pictures = [picture_from_frame(frame) for frame in container.decode(video=0)]
    spec = ColorSpec.of(facts, pictures[0].format, pictures[0].height)
    return [to_rgb(picture, spec) for picture in pictures]
