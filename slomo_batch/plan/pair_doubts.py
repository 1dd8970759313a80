"""How much the method doubts its frames of each pair, as stored in commits: a character for each pair.

A digit of base 17 counts sixteenths: `0` to `9`, then `a` to `g`. `-` means that the pair was not judged: it has no
frame that the method made, or the method has no evidence.
"""

from collections.abc import Iterable, Mapping
from itertools import chain, groupby

from slomo_batch.settings import Doubt

LEVELS = 16
"""Sixteenths in the largest doubt."""
HELD_FROM = 5
"""The least doubt of a pair that `doubt: hold` holds, in sixteenths."""
_DIGITS = "0123456789abcdefg"
_NOT_JUDGED = "-"


def doubts_text(levels: Mapping[int, int], pairs: range) -> str:
    """Return the text for these pairs, given the sixteenths of those that were judged; empty if none was."""
    return "".join(_DIGITS[levels[pair]] if pair in levels else _NOT_JUDGED for pair in pairs) if levels else ""


def levels_of(text: str) -> list[int | None]:
    """Return the sixteenths of each pair; None if it was not judged.

    Raises:
        ValueError: a character is neither a digit of base 17 nor `-`.
    """
    return [None if one == _NOT_JUDGED else _DIGITS.index(one) for one in text]


def runs_of_levels(levels: Iterable[int | None]) -> list[tuple[int, int | None]]:
    """Return how many pairs follow each other with the same sixteenths, and these."""
    return [(sum(1 for _ in group), level) for level, group in groupby(levels)]


def doubt_notes(doubt: Doubt, texts: Iterable[str]) -> tuple[str, ...]:
    """Return what was done about doubt in a video, given the texts of its chunks."""
    levels = [level for level in chain.from_iterable(map(levels_of, texts)) if level is not None]
    match doubt:
        case "blend":
            num, done = sum(level > 0 for level in levels), "blended where the method doubts its frames"
        case "hold":
            num, done = sum(level >= HELD_FROM for level in levels), "held because the method doubts its frames"
        case "trust":
            return ()
    return (f"{num:,} {'pair of frames was' if num == 1 else 'pairs of frames were'} {done}",) if num else ()
