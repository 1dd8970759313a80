"""Stretch audio in time without changing its pitch, in sync with the picture.

The output is a sequence of grains of the source. Each is played at its original speed and cross-faded into the next
where the two are most similar (WSOLA: overlap-add by waveform similarity). The position of each grain depends on its
time alone: source sample u / slowdown is heard at output sample u, so nothing drifts and the length is exact.

A transient is played once, unchanged, at its exact time: an onset at source sample A is locked to output sample round(A
* slowdown), the samples from LOCK_BEFORE_S before to LOCK_AFTER_S after it play at the source's speed, and no other
grain contains it. Otherwise every grain that contains a click would repeat it. Between locks, the rest is stretched
slightly more to compensate.

All channels use the same grains and stay in phase. Memory use is a second or two of samples, whatever the length.

Why not a library: Rubber Band, the best one, is under the GPL; FFmpeg's atempo drifts by up to 230 ms at 8x and ends
early; others on PyPI do not guarantee where an onset lands.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slomo_batch.media.audio_clock import Clock, ConstantClock, Knot, KnottedClock

Block = NDArray[np.float32]
"""Samples as (channels, samples), nominally -1 to 1."""

LOCK_BEFORE_S, LOCK_AFTER_S = 0.003, 0.012
"""Seconds around an onset that play at the source's speed."""
LOCK_FADE_S = 0.002
"""Cross-fade into a lock; it ends before the onset."""
GRAIN_S, FADE_S = 0.016, 0.008
"""Output time from one grain to the next, and the cross-fade between them; both are shorter between close locks."""
SEARCH_S = 0.008
"""How far a grain may be moved to match the one before: half a period of 62 Hz."""
REJOIN_S = 0.1
"""Source seconds before and after a lock in which the speed differs to compensate for the lock."""

ONSET_RATIO = 8.0
"""At an onset, the mean energy of the next 3 ms is more than this many times that of the 20 ms before."""
ONSET_SPACING_S = 0.03
"""Minimum time between onsets."""
ONSET_FLOOR = 1e-8
"""Mean square that counts as silence: -80 dB."""
_FRAMES_AHEAD, _FRAMES_BEHIND = 3, 20
"""Milliseconds compared after and before a point in time."""
_FRAMES_OF_RISE, _FRAMES_OF_ATTACK = 28, 5
"""Milliseconds searched for the steepest rise of an onset, and from there for its attack."""
_LOOKAHEAD_S = 2 * REJOIN_S + 0.1
_DETECT_S = 0.5
_BLOCK_S = 0.5


def stretch(
    source: Iterable[Block],
    *,
    slowdown: Fraction,
    sample_rate: int,
    num_channels: int,
    num_samples: int,
    knots: Sequence[Knot] = (),
) -> Iterator[Block]:
    """The source stretched by `slowdown` (>= 1), in blocks that total `num_samples` samples.

    With `knots`, the slowdown changes: it is constant from each knot to the next.

    A source that ends early is followed by silence; a longer one is cut.
    """
    tape = Tape(source, num_channels)
    clock = KnottedClock(knots, sample_rate) if knots else ConstantClock(slowdown)
    grains = _Grains(tape, clock, sample_rate)
    block: list[Block] = []
    made = held = 0
    while made < num_samples:
        piece = grains.next()[:, : num_samples - made]
        made += piece.shape[1]
        held += piece.shape[1]
        block.append(piece)
        if held >= _BLOCK_S * sample_rate:
            yield np.concatenate(block, axis=1)
            block, held = [], 0
    if block:
        yield np.concatenate(block, axis=1)


class Tape:
    """A source of blocks as one sequence of samples, of which only a window is held. Before and after it is silence."""

    def __init__(self, source: Iterable[Block], num_channels: int) -> None:
        self._source = iter(source)
        self._held: Block = np.zeros((num_channels, 0), np.float32)
        self._start = 0
        self.num_channels = num_channels
        self.end: int | None = None
        """Number of samples of the whole source, once known."""

    def read(self, start: int, end: int) -> Block:
        """Samples [start, end), none of which may have been dropped."""
        while self.end is None and self._start + self._held.shape[1] < end:
            block = next(self._source, None)
            if block is None:
                self.end = self._start + self._held.shape[1]
            else:
                self._held = np.concatenate((self._held, block), axis=1)
        length = self._held.shape[1]
        low, high = (min(max(at - self._start, 0), length) for at in (start, end))
        found = self._held[:, low:high]
        if high - low == end - start:
            return found
        before = min(max(self._start - start, 0), end - start)
        after = end - start - before - (high - low)
        return np.pad(found, ((0, 0), (before, after)))

    def drop(self, before: int) -> None:
        """Release the samples before this one; takes effect only now and then, to avoid copying."""
        if before - self._start > self._held.shape[1] // 2:
            gone = min(before - self._start, self._held.shape[1])
            self._held = self._held[:, gone:].copy()
            self._start += gone


# ---- onsets --------------------------------------------------------------------------------------------------------


class Onsets:
    """Finds onsets along a tape, half a second at a time: samples at which the audio suddenly becomes louder."""

    def __init__(self, tape: Tape, sample_rate: int) -> None:
        self._tape = tape
        self._frame = max(1, sample_rate // 1000)
        self._spacing = round(ONSET_SPACING_S * sample_rate)
        self._stride = round(_DETECT_S * sample_rate) // self._frame * self._frame
        self._done = 0
        self._last = -self._spacing
        self._found: deque[int] = deque()

    def between(self, start: int, end: int) -> int | None:
        """The first onset in [start, end), or None. `start` must increase from call to call."""
        while self._done < end:
            self._detect()
        while self._found and self._found[0] < start:
            self._found.popleft()
        return self._found[0] if self._found and self._found[0] < end else None

    def _detect(self) -> None:
        """Search the next half second of tape."""
        first, frame = self._done, self._frame
        back = first - _FRAMES_BEHIND * frame
        samples = self._tape.read(back - 1, first + self._stride + _FRAMES_OF_RISE * frame)
        signals = samples[:, 1:], np.diff(samples)
        energies = [
            np.square(signal, dtype=np.float64).sum(axis=0).reshape(-1, frame).mean(axis=1) for signal in signals
        ]
        strengths = [_strength(energy) for energy in energies]
        self._done += self._stride
        for number in np.flatnonzero(np.maximum(*strengths)[: self._stride // frame] > ONSET_RATIO).tolist():
            if first + number * frame - self._last < self._spacing:
                continue
            sharper = int(strengths[1][number] > ONSET_RATIO)
            start = _FRAMES_BEHIND + number
            place = (start + _steepest(energies[sharper][start - _FRAMES_AHEAD : start + _FRAMES_OF_RISE])) * frame
            self._last = back + place + _attack(signals[sharper][:, place : place + _FRAMES_OF_ATTACK * frame], frame)
            self._found.append(self._last)


def _strength(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each millisecond, the mean energy from there on divided by that before."""
    total = np.concatenate(([0.0], np.cumsum(energy)))
    ahead = (total[_FRAMES_AHEAD:] - total[:-_FRAMES_AHEAD])[_FRAMES_BEHIND:] / _FRAMES_AHEAD
    behind = (total[_FRAMES_BEHIND:] - total[:-_FRAMES_BEHIND])[: len(ahead)] / _FRAMES_BEHIND
    strength: NDArray[np.float64] = ahead / (np.maximum(behind, 0.0) + ONSET_FLOOR)
    return strength


def _steepest(energy: NDArray[np.float64]) -> int:
    """The millisecond at which energy rises most.

    Lossy codecs precede an onset with up to 21 ms of faint noise, which must not be taken for it: an error of one
    sample here is `slowdown` samples in the output. The first _FRAMES_AHEAD milliseconds are those before the
    earliest candidate.
    """
    total = np.concatenate(([0.0], np.cumsum(energy)))
    sums = total[_FRAMES_AHEAD:] - total[:-_FRAMES_AHEAD]
    return int(np.argmax(sums[_FRAMES_AHEAD:] - sums[:-_FRAMES_AHEAD]))


def _attack(signal: Block, frame: int) -> int:
    """The sample at which the onset within these samples is fully there.

    It is the first loud sample in the millisecond in which the energy comes close to its maximum. Loudness alone
    would find the noise before the onset.
    """
    energy = np.square(signal, dtype=np.float64).sum(axis=0)
    smooth = np.convolve(energy, np.ones(frame), mode="same")
    middle = int(np.argmax(smooth >= 0.7 * smooth.max()))
    start = max(0, middle - frame // 2)
    near = energy[start : middle + frame // 2 + 1]
    return start + int(np.argmax(near >= 0.25 * near.max()))


# ---- grains --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lock:
    """An onset and its place in the output, both as sample numbers."""

    source: int
    output: int


class _Grains:
    """Makes the output grain by grain."""

    def __init__(self, tape: Tape, clock: Clock, sample_rate: int) -> None:
        self._tape = tape
        self._onsets = Onsets(tape, sample_rate)
        self._clock = clock
        self._num_channels = tape.num_channels
        self._silence = max(1, round(_BLOCK_S * sample_rate))
        self._before, self._after, self._lock_fade, self._grain, self._fade, self._search, self._rejoin, self._ahead = (
            max(1, round(seconds * sample_rate))
            for seconds in (
                LOCK_BEFORE_S,
                LOCK_AFTER_S,
                LOCK_FADE_S,
                GRAIN_S,
                FADE_S,
                SEARCH_S,
                REJOIN_S,
                _LOOKAHEAD_S,
            )
        )
        self._at = 0
        """Output sample at which the next grain begins."""
        self._offset = 0
        """Source sample minus output sample of the current grain."""
        self._past: _Lock | None = None
        self._coming = self._next_lock(0, 0)

    def next(self) -> Block:
        """The next grain of the output."""
        if self._is_over():
            self._at += self._silence
            return np.zeros((self._num_channels, self._silence), np.float32)
        coming = self._coming
        if coming is not None and self._at >= coming.output - self._before:
            return self._play_lock(coming)
        lowest, highest = self._bounds()
        length, fade = self._lengths(highest - lowest)
        until, fade_out = self._at + length, fade
        if coming is not None:
            left = coming.output - self._before - self._at
            if left <= 5 * length // 4:
                until, fade_out = self._at + left, self._lock_fade
            elif left < 2 * length:
                until = self._at + left // 2
        place = self._place(until - self._at + fade_out, lowest, highest, fade)
        return self._play(place - self._at, min(fade, until - self._at), until)

    def _is_over(self) -> bool:
        """True if the source ended so long ago that no grain can contain it: only silence follows."""
        return self._tape.end is not None and int(self._clock.source_at(self._at)) - self._ahead > self._tape.end

    def _play_lock(self, lock: _Lock) -> Block:
        self._past = lock
        self._coming = self._next_lock(lock.source + 1, lock.output + self._after)
        return self._play(lock.source - lock.output, self._lock_fade, lock.output + self._after)

    def _play(self, offset: int, fade: int, until: int) -> Block:
        """Cross-fade from the current grain to the one at `offset`, and play that one until output sample `until`."""
        piece = self._tape.read(self._at + offset, until + offset).copy()
        if offset != self._offset:
            old = self._tape.read(self._at + self._offset, self._at + self._offset + fade)
            rising = np.square(np.sin(np.linspace(0, np.pi / 2, fade, endpoint=False, dtype=np.float32)))
            piece[:, :fade] = old * (1 - rising) + piece[:, :fade] * rising
        self._at, self._offset = until, offset
        here = int(self._clock.source_at(until))
        self._tape.drop(min(until + offset, here) - self._ahead)
        if self._coming is None:
            self._coming = self._next_lock(here, until)
        return piece

    def _next_lock(self, start: int, at: int) -> _Lock | None:
        """The first onset from source sample `start` on that still has room after output sample `at`.

        There is none where a ramp leaves out a part of the source, because it lasts less than half an output frame.
        """
        end = start + self._ahead
        while (onset := self._onsets.between(start, end)) is not None:
            lock = _Lock(onset, self._clock.output_sample(onset))
            if lock.output + self._after >= at + self._lock_fade:
                return lock
            start = onset + 1
        return None

    def _bounds(self) -> tuple[int, int]:
        """Source samples between which the next grain must lie, so that it neither repeats an onset nor falls silent
        too soon."""
        here = int(self._clock.source_at(self._at))
        lowest = here - self._ahead // 2 if self._past is None else self._past.source + self._after
        highest = here + self._ahead if self._coming is None else self._coming.source - self._before + self._lock_fade
        if self._tape.end is not None and here < self._tape.end:
            highest = min(highest, self._tape.end)
        return lowest, highest

    def _lengths(self, room: int) -> tuple[int, int]:
        """Length of a grain and of its fade, in samples; shorter than usual if locks leave little room."""
        usual = 5 * self._grain // 4 + self._fade
        if room >= usual:
            return self._grain, self._fade
        return max(1, self._grain * room // usual), max(1, self._fade * room // usual)

    def _place(self, span: int, lowest: int, highest: int, fade: int) -> int:
        """Source sample at which the grain begins: near its nominal place, where it best continues the current
        grain."""
        wanted = round(self._source_of(self._at + span / 2) - span / 2)
        highest = max(lowest, highest - span)
        wanted = min(max(wanted, lowest), highest)
        low, high = max(wanted - self._search, lowest), min(wanted + self._search, highest)
        playing = self._tape.read(self._at + self._offset, self._at + self._offset + fade)
        candidates = self._tape.read(low, high + fade)
        return low + _most_alike(playing, candidates, wanted - low)

    def _source_of(self, output: float) -> float:
        """The source sample that is heard at an output sample: linear interpolation between the edges of the locks."""
        knots: list[tuple[float, float]] = []
        if self._past is not None:
            edge = self._past.source + self._after
            knots = [(self._past.output + self._after, edge), self._nominal(edge + self._rejoin)]
        if self._coming is not None:
            edge = self._coming.source - self._before
            leave = self._nominal(edge - self._rejoin)
            if knots and knots[-1][1] > leave[1]:
                knots.pop()
            else:
                knots.append(leave)
            knots.append((self._coming.output - self._before, edge))
        if not knots or not knots[0][0] <= output <= knots[-1][0]:
            return self._clock.source_at(output)
        return float(np.interp(output, [knot[0] for knot in knots], [knot[1] for knot in knots]))

    def _nominal(self, source: int) -> tuple[float, float]:
        return self._clock.output_at(source), float(source)


def _most_alike(playing: Block, candidates: Block, usual: int) -> int:
    """Where in `candidates` the samples are most similar to `playing`; `usual` if nothing is better."""
    length = playing.shape[1]
    size = 1 << (candidates.shape[1] + length - 1).bit_length()
    spectrum = np.fft.rfft(candidates, size) * np.conj(np.fft.rfft(playing, size))
    likeness = np.fft.irfft(spectrum, size).sum(axis=0)[: candidates.shape[1] - length + 1]
    energy = np.concatenate(([0.0], np.cumsum(np.square(candidates, dtype=np.float64).sum(axis=0))))
    likeness = likeness / np.sqrt(np.maximum(energy[length:] - energy[:-length], 0.0) + length * ONSET_FLOOR)
    best = int(np.argmax(likeness))
    return best if likeness[best] > likeness[usual] + 1e-6 else usual
