"""Damaged media, any number of them: a test clip, changed in one of some thirty ways.

    mutant(7).data      the bytes of the seventh; the same on every machine

Half of the ways know nothing of the format; the others drop, repeat, exchange, resize or rewrite whole boxes, elements,
chunks, tags and packets.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.clips.catalogue import clip, names
from tests.fuzz.spans import Span, spans_of

Random = np.random.Generator
Mutator = Callable[[bytearray, str, Random], None]
ODD_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**62, 2**64 - 1)
HEAD, TAIL = 512, 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One damaged file."""

    label: str
    """What it is: the seed clip, what was done to it, its number."""
    seed: str
    suffix: str
    data: bytes


def mutant(number: int) -> Mutant:
    """The damaged file of this number, from 0 on."""
    rng = np.random.default_rng([number, 5])
    seeds = names("copy", "decode")
    seed = clip(seeds[number % len(seeds)])
    data = bytearray(seed.data)
    done = []
    for _ in range(1 if rng.random() < 0.7 else 2):
        name = tuple(MUTATORS)[int(rng.integers(len(MUTATORS)))]
        MUTATORS[name](data, seed.suffix, rng)
        done.append(name)
    label = f"#{number} {seed.name}{seed.suffix} {' + '.join(done)}"
    return Mutant(label=label, seed=seed.name, suffix=seed.suffix, data=bytes(data))


def damaged(data: bytes, number: int, suffix: str = "") -> bytes:
    """Any other file, changed in one of these ways."""
    rng = np.random.default_rng([number, 7])
    changed = bytearray(data)
    MUTATORS[tuple(MUTATORS)[int(rng.integers(NUM_BLIND))]](changed, suffix, rng)
    return bytes(changed)


# ---- ways that know nothing of the format --------------------------------------------------------------------------


def _place(data: bytearray, rng: Random) -> int:
    return int(rng.integers(0, max(1, len(data))))


def _stretch(data: bytearray, rng: Random, most: int = 3000) -> slice:
    at = _place(data, rng)
    return slice(at, min(len(data), at + int(rng.integers(1, most))))


def _cut_tail(data: bytearray, _: str, rng: Random) -> None:
    del data[_place(data, rng) :]


def _cut_head(data: bytearray, _: str, rng: Random) -> None:
    del data[: _place(data, rng)]


def _flip_bits(data: bytearray, places: list[int], rng: Random) -> None:
    for place in places:
        data[place] ^= 1 << int(rng.integers(8))


def _flip_one(data: bytearray, _: str, rng: Random) -> None:
    if data:
        _flip_bits(data, [_place(data, rng)], rng)


def _flip_many(data: bytearray, _: str, rng: Random) -> None:
    if data:
        _flip_bits(data, rng.integers(0, len(data), int(rng.integers(2, 60))).tolist(), rng)


def _flip_in_head(data: bytearray, _: str, rng: Random) -> None:
    if data:
        _flip_bits(data, rng.integers(0, min(HEAD, len(data)), int(rng.integers(1, 6))).tolist(), rng)


def _flip_in_tail(data: bytearray, _: str, rng: Random) -> None:
    if data:
        _flip_bits(data, rng.integers(max(0, len(data) - TAIL), len(data), int(rng.integers(1, 6))).tolist(), rng)


def _zero(data: bytearray, _: str, rng: Random) -> None:
    where = _stretch(data, rng)
    data[where] = bytes(len(data[where]))


def _noise(data: bytearray, _: str, rng: Random) -> None:
    where = _stretch(data, rng)
    data[where] = rng.bytes(len(data[where]))


def _delete(data: bytearray, _: str, rng: Random) -> None:
    del data[_stretch(data, rng)]


def _repeat(data: bytearray, _: str, rng: Random) -> None:
    where = _stretch(data, rng)
    data[where.stop : where.stop] = data[where]


def _insert_noise(data: bytearray, _: str, rng: Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 400)))


def _exchange_stretches(data: bytearray, _: str, rng: Random) -> None:
    length = int(rng.integers(1, 800))
    one, other = (slice(at, at + length) for at in sorted(rng.integers(0, max(1, len(data) - length), 2).tolist()))
    if one.stop <= other.start:
        data[one], data[other] = data[other], data[one]


def _odd_number(data: bytearray, _: str, rng: Random) -> None:
    _write_odd_number(data, _place(data, rng), rng)


def _write_odd_number(data: bytearray, at: int, rng: Random) -> None:
    width = (1, 2, 4, 8)[int(rng.integers(4))]
    number = ODD_NUMBERS[int(rng.integers(len(ODD_NUMBERS)))] % 2 ** (8 * width)
    end = min(len(data), at + width)
    data[at:end] = number.to_bytes(width, "big" if rng.random() < 0.6 else "little")[: end - at]


def _append_itself(data: bytearray, _: str, __: Random) -> None:
    data += bytes(data)


def _append_own_head(data: bytearray, _: str, rng: Random) -> None:
    data += data[: _place(data, rng)]


def _append_another(data: bytearray, suffix: str, rng: Random) -> None:
    others = [name for name in names("copy", "decode") if clip(name).suffix == suffix] or names("copy")
    data += clip(others[int(rng.integers(len(others)))]).data


def _append_noise(data: bytearray, _: str, rng: Random) -> None:
    data += rng.bytes(int(rng.integers(1, 5000)))


def _prepend_noise(data: bytearray, _: str, rng: Random) -> None:
    data[:0] = rng.bytes(int(rng.integers(1, 2000)))


# ---- ways that know the format's parts -----------------------------------------------------------------------------


def _some_span(data: bytearray, suffix: str, rng: Random) -> Span | None:
    found = spans_of(bytes(data), suffix)
    return found[int(rng.integers(len(found)))] if found else None


def _drop_part(data: bytearray, suffix: str, rng: Random) -> None:
    if span := _some_span(data, suffix, rng):
        del data[span.start : span.end]


def _repeat_part(data: bytearray, suffix: str, rng: Random) -> None:
    if span := _some_span(data, suffix, rng):
        data[span.end : span.end] = data[span.start : span.end]


def _exchange_parts(data: bytearray, suffix: str, rng: Random) -> None:
    one, other = _some_span(data, suffix, rng), _some_span(data, suffix, rng)
    if one and other and one.end <= other.start:
        first, between, second = data[one.start : one.end], data[one.end : other.start], data[other.start : other.end]
        data[one.start : other.end] = second + between + first


def _resize_part(data: bytearray, suffix: str, rng: Random) -> None:
    if (span := _some_span(data, suffix, rng)) and span.size_bytes:
        _write_odd_number(data, span.size_at + int(rng.integers(span.size_bytes)), rng)


def _rename_part(data: bytearray, suffix: str, rng: Random) -> None:
    if span := _some_span(data, suffix, rng):
        at = int(rng.integers(span.start, max(span.start + 1, span.body)))
        data[at : at + 1] = rng.bytes(1)


def _odd_number_in_part(data: bytearray, suffix: str, rng: Random) -> None:
    """Small parts are tables and headers: numbers that decide much."""
    small = [span for span in spans_of(bytes(data), suffix) if 0 < span.end - span.body < 400]
    if small:
        span = small[int(rng.integers(len(small)))]
        _write_odd_number(data, int(rng.integers(span.body, span.end)), rng)


def _empty_part(data: bytearray, suffix: str, rng: Random) -> None:
    if span := _some_span(data, suffix, rng):
        data[span.body : span.end] = bytes(span.end - span.body)


def _move_part_to_end(data: bytearray, suffix: str, rng: Random) -> None:
    if span := _some_span(data, suffix, rng):
        part = data[span.start : span.end]
        del data[span.start : span.end]
        data += part


def _drop_many_parts(data: bytearray, suffix: str, rng: Random) -> None:
    """Damage as a bad tape or network causes it."""
    for span in reversed([span for span in spans_of(bytes(data), suffix) if not span.size_bytes]):
        if rng.random() < 0.05:
            del data[span.start : span.end]


def _odd_timestamp(data: bytearray, _: str, rng: Random) -> None:
    """Rewrite the timestamp of one PES packet of an MPEG stream (ISO/IEC 13818-1, 2.4.3.7)."""
    starts = [at for at in range(len(data) - 14) if data[at : at + 3] == b"\0\0\1" and 0xC0 <= data[at + 3] <= 0xEF]
    if starts:
        at = starts[int(rng.integers(len(starts)))] + 9
        data[at : at + 5] = bytes([data[at] & 0xF0 | int(rng.integers(16)), *rng.bytes(4)])


MUTATORS: dict[str, Mutator] = {
    "cut tail": _cut_tail,
    "cut head": _cut_head,
    "flip a bit": _flip_one,
    "flip bits": _flip_many,
    "flip bits in head": _flip_in_head,
    "flip bits in tail": _flip_in_tail,
    "zero a stretch": _zero,
    "noise over a stretch": _noise,
    "delete a stretch": _delete,
    "repeat a stretch": _repeat,
    "insert noise": _insert_noise,
    "exchange stretches": _exchange_stretches,
    "odd number": _odd_number,
    "append itself": _append_itself,
    "append own head": _append_own_head,
    "append another": _append_another,
    "append noise": _append_noise,
    "prepend noise": _prepend_noise,
    "drop a part": _drop_part,
    "repeat a part": _repeat_part,
    "exchange parts": _exchange_parts,
    "resize a part": _resize_part,
    "rename a part": _rename_part,
    "odd number in a part": _odd_number_in_part,
    "empty a part": _empty_part,
    "move a part to the end": _move_part_to_end,
    "drop many parts": _drop_many_parts,
    "odd timestamp": _odd_timestamp,
}

NUM_BLIND = tuple(MUTATORS).index("drop a part")
"""How many ways know nothing of the format; they come first."""
