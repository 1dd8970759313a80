"""Stretched audio: every click once and on time, the exact length, the same pitch, no gaps."""

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.media import time_stretch
from slomo_batch.media.audio_clock import Knot
from slomo_batch.media.time_stretch import Block, Onsets, Tape, stretch
from tests.media.tones import CLICKS_S, DURATION_S, RATE, Tone, clicks, in_blocks, samples


def stretched(audio: Block, slowdown: Fraction, num_samples: int | None = None) -> Block:
    num_samples = round(audio.shape[1] * slowdown) if num_samples is None else num_samples
    blocks = stretch(
        in_blocks(audio), slowdown=slowdown, sample_rate=RATE, num_channels=audio.shape[0], num_samples=num_samples
    )
    return np.concatenate(list(blocks), axis=1)


@pytest.mark.parametrize("under", ["nothing", "noise", "chord"])
@pytest.mark.parametrize("slowdown", [Fraction(5, 4), Fraction(3, 2), Fraction(4), Fraction(8), Fraction(16)])
def test_every_click_is_heard_once_within_a_millisecond_of_its_time(under: str, slowdown: Fraction) -> None:
    found = clicks(stretched(samples(Tone(under=under)), slowdown), RATE)
    wanted = [second * float(slowdown) for second in CLICKS_S]
    assert len(found) == len(wanted)
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 0.001


@settings(max_examples=12, deadline=None)
@given(
    slowdown=st.fractions(1, 16, max_denominator=50),
    places=st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True),
)
def test_clicks_at_any_time_stay_in_sync(slowdown: Fraction, places: list[int]) -> None:
    instants = tuple(sorted(0.02 + place * 0.045 for place in places))
    audio = samples(Tone(under="nothing", clicks_s=instants, duration_s=2, layout="mono"))
    found = clicks(stretched(audio, slowdown), RATE)
    wanted = [second * float(slowdown) for second in instants]
    assert len(found) == len(wanted)
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 0.001


@pytest.mark.parametrize("slowdown", [Fraction(3, 2), Fraction(8)])
@pytest.mark.parametrize("num_samples", [1, 999, 100_001])
def test_the_length_is_exact_to_the_sample(slowdown: Fraction, num_samples: int) -> None:
    assert stretched(samples(Tone(layout="mono")), slowdown, num_samples).shape == (1, num_samples)


@pytest.mark.parametrize("slowdown", [Fraction(3, 2), Fraction(4), Fraction(8)])
def test_a_tone_keeps_its_pitch_and_its_level(slowdown: Fraction) -> None:
    audio = samples(Tone(under="chord", clicks_s=(), layout="mono"))
    made = stretched(audio, slowdown)
    assert spectrum_peaks(made) == spectrum_peaks(audio) == [220, 331]
    levels = np.sqrt(np.square(made[0, : made.shape[1] // 2400 * 2400].reshape(-1, 2400)).mean(axis=1))
    level = np.sqrt(np.square(audio).mean())
    assert levels.min() > 0.7 * level
    assert levels.max() < 1.3 * level


def spectrum_peaks(audio: Block) -> list[int]:
    """The two strongest frequencies in the second second of the audio, in hertz."""
    strength = np.abs(np.fft.rfft(audio[0, RATE : 2 * RATE] * np.hanning(RATE)))
    first = int(strength.argmax())
    strength[first - 20 : first + 21] = 0
    return sorted((first, int(strength.argmax())))


@pytest.mark.parametrize("slowdown", [Fraction(1), Fraction(7, 3), Fraction(16)])
def test_channels_stay_in_phase(slowdown: Fraction) -> None:
    mono = samples(Tone(layout="mono", under="chord"))
    made = stretched(np.concatenate((mono, -mono, 0.5 * mono)), slowdown)
    np.testing.assert_allclose(made[1], -made[0], atol=1e-6)
    np.testing.assert_allclose(made[2], 0.5 * made[0], atol=1e-6)


def test_a_slowdown_of_one_changes_nothing() -> None:
    audio = samples(Tone())
    made = stretched(audio, Fraction(1))
    last = RATE // 25  # where grains must not reach beyond the end
    np.testing.assert_allclose(made[:, :-last], audio[:, :-last], atol=1e-6)


def test_silence_stays_silent_and_a_short_source_is_padded_with_silence() -> None:
    assert not stretched(np.zeros((2, RATE), np.float32), Fraction(4)).any()
    short = stretched(samples(Tone(duration_s=1)), Fraction(2), 4 * RATE)
    assert not short[:, round(2.05 * RATE) :].any()
    assert short[:, : 2 * RATE].any()
    nothing = stretch(iter(()), slowdown=Fraction(4), sample_rate=RATE, num_channels=2, num_samples=RATE)
    assert not np.concatenate(list(nothing), axis=1).any()


@pytest.mark.parametrize("left_out_s", [(0.0, 0.1), (0.4, 0.6)])
def test_clicks_in_a_part_that_a_ramp_leaves_out_do_no_harm(left_out_s: tuple[float, float]) -> None:
    """The part lasts less than half an output frame, so no output sample shows it."""
    audio = samples(Tone(layout="mono", clicks_s=[number / 25 for number in range(25)], duration_s=1))
    begin_s, end_s = map(Fraction, left_out_s)
    starts = [] if begin_s == 0 else [Knot(Fraction(0), Fraction(0)), Knot(begin_s, begin_s)]
    knots = [*starts, Knot(begin_s, end_s), Knot(Fraction(2), Fraction(1))]
    pieces = stretch([audio], slowdown=Fraction(1), sample_rate=RATE, num_channels=1, num_samples=2 * RATE, knots=knots)
    assert sum(piece.shape[1] for piece in pieces) == 2 * RATE


def test_the_block_size_does_not_change_the_output() -> None:
    audio = samples(Tone(duration_s=1))

    def made(length: int) -> Block:
        blocks = in_blocks(audio, length)
        pieces = stretch(blocks, slowdown=Fraction(3), sample_rate=RATE, num_channels=2, num_samples=3 * RATE)
        return np.concatenate(list(pieces), axis=1)

    np.testing.assert_array_equal(made(17), made(RATE))


def test_memory_does_not_grow_with_the_length() -> None:
    def endless(seconds: int) -> Iterator[Block]:
        second = samples(Tone(duration_s=1, clicks_s=(0.5,)))
        for _ in range(seconds):
            yield second

    def peak(seconds: int) -> int:
        tracemalloc.start()
        num_samples = seconds * 2 * RATE
        for _ in stretch(
            endless(seconds), slowdown=Fraction(2), sample_rate=RATE, num_channels=2, num_samples=num_samples
        ):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(16) < 1.1 * peak(4)


def test_silence_after_the_end_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A video whose last frame is shown for an hour has an hour of silence."""
    searched: list[int] = []
    search = time_stretch._most_alike

    def counted(playing: Block, candidates: Block, usual: int) -> int:
        searched.append(usual)
        return search(playing, candidates, usual)

    monkeypatch.setattr(time_stretch, "_most_alike", counted)
    made = stretched(samples(Tone(layout="mono", duration_s=1)), Fraction(2), 120 * RATE)
    assert made.shape == (1, 120 * RATE)
    assert made[:, : 2 * RATE].any()
    assert not made[:, 3 * RATE :].any()
    assert len(searched) < 400


def test_onsets_are_found_at_their_samples() -> None:
    audio = samples(Tone(layout="mono"))
    onsets = Onsets(Tape(in_blocks(audio), 1), RATE)
    found, start = [], 0
    while (onset := onsets.between(start, DURATION_S * RATE)) is not None:
        found.append(onset / RATE)
        start = onset + 1
    assert found[0] < 0.001, "the noise itself sets in"
    assert found[1:] == pytest.approx(CLICKS_S, abs=0.001)


def test_a_tape_is_silent_before_its_start_and_after_its_end() -> None:
    tape = Tape(in_blocks(np.ones((1, 10), np.float32), 3), 1)
    assert tape.read(-2, 2).tolist() == [[0, 0, 1, 1]]
    assert tape.read(8, 12).tolist() == [[1, 1, 0, 0]]
    assert tape.read(20, 22).tolist() == [[0, 0]]
    assert tape.read(-9, -7).tolist() == [[0, 0]]
    tape.drop(7)
    assert tape.read(7, 11).tolist() == [[1, 1, 1, 0]]


def test_a_steady_tone_has_no_further_onsets() -> None:
    for hertz in (50, 90, 150, 440):
        wave: Block = np.sin(2 * np.pi * hertz * np.arange(2 * RATE)[None] / RATE).astype(np.float32)
        onsets = Onsets(Tape(in_blocks(wave), 1), RATE)
        assert onsets.between(RATE // 10, 2 * RATE - RATE // 10) is None
