"""Read single values of a manifest from what was written.

A scalar arrives as the text that was written ("2.5"), so that a number becomes a fraction without passing through a
binary float. A table cell may already be a number; a float is then read as its shortest decimal.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from pydantic_core import PydanticCustomError

from slomo_batch.sanitize import one_line
from slomo_batch.settings import FpsTarget
from slomo_batch.timeline.rates import parse_rational

Reader = Callable[[object], object]
"""Returns the value that was written, or raises `invalid`."""

_RATIONAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?|-?[0-9]{1,18}/[0-9]{1,18}")


# ---- errors --------------------------------------------------------------------------------------------------------


def invalid(message: str) -> PydanticCustomError:
    """Return the error of one value. Invalid Unicode is escaped, because pydantic cannot render it."""
    return PydanticCustomError("refused", "{message}", {"message": one_line(message)})


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the most similar known word, ignoring case; "" if no similarity reaches `cutoff` (0 to 1)."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""


_SYNONYMS = {
    **dict.fromkeys(("h265", "h.265", "x265", "libx265", "hvc1", "hev1"), "hevc"),
    **dict.fromkeys(("x264", "libx264", "h.264", "avc", "avc1"), "h264"),
    **dict.fromkeys(("libsvtav1", "libaom-av1", "av01"), "av1"),
    **dict.fromkeys(("libvpx-vp9", "vp09"), "vp9"),
    **dict.fromkeys(("prores_ks", "prores422", "proreshq"), "prores"),
}
"""Other names of codecs, which are not similar to the known one, or similar to a wrong one."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message, such as "; did you mean h264?", or "" if nothing is similar."""
    near = nearest(_SYNONYMS.get(word.lower(), word), known)
    return f"; did you mean {near}?" if near else ""


# ---- readers -------------------------------------------------------------------------------------------------------


def text_of(value: object) -> str:
    """Return the text of one scalar."""
    if isinstance(value, str):
        return _usable(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal | Fraction):
        return str(value)
    kind = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__
    raise invalid(f"expected a single value, got {kind}")


def _usable(text: str) -> str:
    """Return the text if files and networks can use it. A name with bytes that are not UTF-8 is usable."""
    if "\0" in text:
        raise invalid(f"{text!r} contains a NUL character")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise invalid(f"{text!r} contains a lone surrogate") from None
    return text


def choice(known: Sequence[str]) -> Callable[[object], str]:
    """Return a reader of one of the known words."""

    def read(value: object) -> str:
        word = text_of(value).strip()
        if word in known:
            return word
        raise invalid(f"{word!r} is not one of {', '.join(known)}{did_you_mean(word, known)}")

    return read


def _number(value: object) -> Fraction:
    word = text_of(value).strip()
    if not _RATIONAL.fullmatch(word):
        raise invalid(f"{word!r} is not a number; use a form such as 4, 2.5 or 5/2")
    try:
        return parse_rational(word)
    except ValueError as error:
        raise invalid(str(error)) from None


MAX_RATIONAL = 10**6
"""Largest slowdown, frame rate or share: far more than any real one."""


def rational(least: int | None = None) -> Callable[[object], Fraction]:
    """Return a reader of numbers of at least `least`, or above 0, up to MAX_RATIONAL."""

    def read(value: object) -> Fraction:
        number = _number(value)
        if least is not None and number < least:
            raise invalid(f"must be at least {least}, got {text_of(value)}")
        if least is None and number <= 0:
            raise invalid(f"must be greater than 0, got {text_of(value)}")
        if number > MAX_RATIONAL:
            raise invalid(f"must be at most {MAX_RATIONAL}, got {text_of(value)}")
        return number

    return read


def whole(least: int, most: int = 2**31 - 1) -> Callable[[object], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(value: object) -> int:
        number = _number(value)
        if number.denominator != 1:
            raise invalid(f"must be an integer, got {text_of(value)}")
        if number < least:
            raise invalid(f"must be at least {least}, got {text_of(value)}")
        if number > most:
            raise invalid(f"must be at most {most}, got {text_of(value)}")
        return int(number)

    return read


def one_number_of(choices: Sequence[Fraction]) -> Callable[[object], Fraction]:
    """Return a reader of one of these numbers, or `auto`."""

    def read(value: object) -> Fraction:
        number = _number(value)
        if number not in choices:
            raise invalid(f"{text_of(value)} is not one of auto, {', '.join(map(str, choices))}")
        return number

    return read


def word_or(only: str, read_other: Reader, *, examples: str) -> Reader:
    """Return a reader of the word `only`, and of everything that `read_other` reads."""

    def read(value: object) -> object:
        word = text_of(value).strip()
        if word == only:
            return word
        if word[:1].isalpha():
            raise invalid(f"expected {only} or {examples}, got {word!r}")
        return read_other(word)

    return read


def fps(value: object) -> FpsTarget:
    """Read a frame rate: source, 60, 60000/1001, x2."""
    if isinstance(value, FpsTarget):
        return value
    word = text_of(value).strip()
    if word == "source":
        return FpsTarget(kind="source", value=Fraction(1))
    multiple = word.startswith("x")
    number = word[1:] if multiple else word
    if not _RATIONAL.fullmatch(number):
        raise invalid(
            f'{word!r} is not a frame rate; use source, a rate such as 60 or "60000/1001", or a multiple such as x2'
        )
    return FpsTarget(kind="multiple" if multiple else "rate", value=rational()(number))


def flag(value: object) -> bool:
    """Read true or false."""
    word = text_of(value).strip()
    known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if word.lower() not in known:
        raise invalid(f"expected true or false, got {word!r}")
    return known[word.lower()]
