"""Dissolves and fades go through the network: it follows what moves in them, and a cross-fade does not.

The half-way frames of transitions made from real clips are known. Run it with -s to see the table of
docs/decisions/0011.
"""

import sys
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.evaluation.methods import MethodChoice, OpenMethod
from slomo_batch.interpolators.contract import context_of, make_frames
from tests.end_to_end.running import real_clip

Clip = NDArray[np.float32]
WIDTH, HEIGHT = 320, 192
FIRST = 4
"""Source frames before the transition begins."""
METHODS = {
    "compact": MethodChoice(method="superslomo", weights="compact"),
    "flow": MethodChoice(method="flow"),
    "mci": MethodChoice(method="mci"),
    "blend": MethodChoice(method="blend"),
}


@cache
def _frames(name: str) -> Clip:
    """The first frames of a real clip, RGB from 0 to 1, [N, 3, H, W]."""
    with av.open(str(real_clip(name))) as container:
        frames = [
            frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray()
            for _, frame in zip(range(28), container.decode(video=0), strict=False)
        ]
    return np.stack(frames).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)


def _at(first: Clip, second: Clip, half_steps: int, length: int) -> Tensor:
    """The transition `half_steps` half frame times after its start; it is `length` source frames long."""
    share = min(1.0, max(0.0, half_steps / 2 / (length + 1)))
    place = half_steps + 2 * FIRST
    mixed = (1 - share) * first[min(place, len(first) - 1)] + share * second[min(place, len(second) - 1)]
    return torch.from_numpy((mixed * 255).round().astype(np.float32) / 255)


def _psnr(method: str, first: Clip, second: Clip, length: int) -> float:
    """Mean over the frames half-way between source frames 1, 3, 5 ... of the transition and the next."""
    opened = OpenMethod(METHODS[method], precision="fp32", threads=1)
    interpolator = opened.interpolator(opened.settings_for(WIDTH, HEIGHT))
    context, found = context_of(interpolator), []
    for pair in range(1, length, 2):
        window = [_at(first, second, 2 * number, length) for number in range(pair - context, pair + 2 + context)]
        (made,) = make_frames(interpolator, window, [Fraction(1, 2)])
        assert isinstance(made, Tensor)
        error = (made - _at(first, second, 2 * pair + 1, length)).square().mean().item()
        found.append(-10 * np.log10(error))
    return float(np.mean(found))


def _table(kind: str, first: Clip, second: Clip) -> dict[str, float]:
    scores = {method: _psnr(method, first, second, 8) for method in METHODS}
    sys.stdout.write(f"{kind}: {', '.join(f'{method} {score:.2f}' for method, score in scores.items())}\n")
    return scores


@pytest.mark.parametrize(("first", "second"), [("bikes", "bigbuckbunny"), ("carphone_pristine", "bikes")])
def test_the_network_follows_what_moves_in_a_dissolve_and_in_a_fade(first: str, second: str) -> None:
    dissolve = _table(f"dissolve of {first} into {second}", _frames(first), _frames(second))
    fade = _table(f"fade of {first} to black", _frames(first), np.zeros_like(_frames(first)))
    assert dissolve["compact"] > dissolve["blend"] + 0.5
    assert fade["compact"] > fade["blend"] - 1, "carphone hardly moves: a cross-fade is right there"


def test_the_network_shows_a_dissolve_of_stills_as_it_is() -> None:
    first, second = (np.repeat(_frames(name)[:1], 28, axis=0) for name in ("bikes", "bigbuckbunny"))
    assert _table("dissolve of two stills", first, second)["compact"] > 45
