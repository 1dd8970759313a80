"""Synthetic transitions between shots of real clips, with the pairs of frames at which a scene ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from tests.interpolators.footage import real_clip

SIZE = 320, 180
EDGE = 8
"""Frames of a shot before and after a transition."""
SHOTS = {"bikes": ((0, 30), (30, 76), (76, 137), (137, 187), (187, 242)), "bigbuckbunny": ((0, 132),)}
SHOTS |= {"carphone_pristine": ((0, 120),)}
Frames: TypeAlias = NDArray[np.float32]
"""RGB from 0 to 255, (frames, height, width, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutClip:
    """A clip with one transition or none."""

    kind: str
    frames: NDArray[np.uint8]
    cuts: tuple[int, ...] = ()
    """The pairs at which a scene ends, by their first frames."""


@cache
def shots() -> tuple[Frames, ...]:
    """Seven shots, of film and animation."""
    found = []
    for name, spans in SHOTS.items():
        with av.open(str(real_clip(name))) as container:
            small = (frame.reformat(*SIZE, "rgb24", interpolation="AREA") for frame in container.decode(video=0))
            frames = [frame.to_ndarray() for frame in small]
        found += [np.stack(frames[first:end]).astype(np.float32) for first, end in spans]
    return tuple(found)


def clips() -> Iterator[CutClip]:
    """All clips."""
    yield from _cuts()
    yield from _dissolves()
    for shot in shots():
        yield from _within(shot)


def _pairs() -> Iterator[tuple[Frames, Frames]]:
    """Each shot with the next one, and with the third after it."""
    found = shots()
    for number, shot in enumerate(found):
        yield shot, found[(number + 1) % len(found)]
        yield shot, found[(number + 3) % len(found)]


def _made(kind: str, parts: Sequence[NDArray[Any]], cuts: tuple[int, ...] = ()) -> CutClip:
    frames = np.concatenate(parts)
    return CutClip(kind=kind, frames=frames.round().clip(0, 255).astype(np.uint8), cuts=cuts)


def _cuts() -> Iterator[CutClip]:
    for first, second in _pairs():
        pair = first[-EDGE:], second[:EDGE]
        yield _made("hard cut", pair, (EDGE - 1,))
        yield _made("hard cut, bars at the sides", [_with_bars(part, axis=2) for part in pair], (EDGE - 1,))
        yield _made("hard cut, bars above and below", [_with_bars(part, axis=1) for part in pair], (EDGE - 1,))
        yield _made("hard cut, low contrast", [96 + part / 4 for part in pair], (EDGE - 1,))
    for shot in shots():
        yield _made("cut to a closer view", [shot[:EDGE], _zoomed(shot[EDGE : 2 * EDGE])], (EDGE - 1,))


def _with_bars(frames: Frames, axis: int) -> Frames:
    """The frames with black bars, an eighth of the width or height each."""
    made, bar = frames.copy(), frames.shape[axis] // 8
    np.moveaxis(made, axis, 0)[:bar] = 0
    np.moveaxis(made, axis, 0)[-bar:] = 0
    return made


def _zoomed(frames: Frames) -> Frames:
    """The middle of each frame, twice as large."""
    height, width = frames.shape[1] // 4, frames.shape[2] // 4
    return frames[:, height:-height, width:-width].repeat(2, axis=1).repeat(2, axis=2)


def _dissolves() -> Iterator[CutClip]:
    for first, second in _pairs():
        for length in (8, 12, 24):
            num = length + 2 * EDGE
            one, two = _length(first, num), _length(second, num)
            weight = np.clip((np.arange(num) - EDGE) / length, 0, 1)[:, None, None, None].astype(np.float32)
            yield _made("dissolve", [one * (1 - weight) + two * weight])


def _length(frames: Frames, num: int) -> Frames:
    """So many frames, forward and then backward."""
    there_and_back = np.concatenate([frames, frames[-2:0:-1]])
    return there_and_back[np.arange(num) % len(there_and_back)]


def _within(shot: Frames) -> Iterator[CutClip]:
    """Transitions that are no cuts."""
    yield _made("motion", [shot[:60]])
    for length in (4, 12, 24):
        taken = _length(shot, length + EDGE)
        level = np.clip(np.arange(len(taken)) / length, 0, 1)[:, None, None, None].astype(np.float32)
        yield _made("fade from black", [taken * level])
        yield _made("fade to black", [taken * level[::-1]])
    for length in (1, 2, 3):
        lit = shot[: 2 * EDGE].copy()
        lit[EDGE : EDGE + length] = lit[EDGE : EDGE + length] * 0.3 + 255 * 0.7
        yield _made("flash", [lit])
    strobe = shot[:20].copy()
    strobe[::2] = strobe[::2] * 0.4 + 150
    yield _made("strobe", [strobe])
    for step in (20, 60, 120):
        yield _made("whip pan", [_whip(shot[0], step)])
    yield _made("explosion", [_explosion(shot[: 3 * EDGE])])


def _whip(image: NDArray[np.float32], step: int) -> Frames:
    """A pan that starts, gets as fast as `step` pixels per frame, and stops, with motion blur of half a frame."""
    wide = np.concatenate([image, image[:, ::-1], image], axis=1)
    speeds = np.array([0, 0, 0, *np.linspace(0, 1, 5), 1, 1, *np.linspace(1, 0, 5), 0, 0, 0]) * step
    places, width = np.cumsum(speeds), image.shape[1]
    made = []
    for place, speed in zip(places, speeds, strict=True):
        starts = (place - np.linspace(0, speed / 2, 8)).round().astype(int) % (2 * width)
        made.append(np.mean([wide[:, start : start + width] for start in starts], axis=0))
    return np.stack(made).astype(np.float32)


def _explosion(frames: Frames) -> Frames:
    """A ball of fire in the middle that grows within six frames, and fades."""
    height, width = frames.shape[1:3]
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)[..., None]
    rng = np.random.default_rng(0)
    made = frames.copy()
    for number in range(EDGE, len(frames)):
        age = number - EDGE
        glow = np.clip(1.5 - away / (12 + 30 * min(age, 5)), 0, 1) * max(0.0, 1 - age / 14)
        fire = np.array([255, 200, 90]) * rng.uniform(0.7, 1.1, (height, width, 1))
        made[number] = made[number] * (1 - glow) + fire * glow
    return made
