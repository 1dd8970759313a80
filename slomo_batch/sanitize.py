r"""Escape control characters in untrusted text: names of files, metadata and messages of libraries.

Characters that control a terminal or a log viewer (line breaks, escape sequences, marks of the writing direction,
surrogates) are replaced by Python's escapes: \n, \x1b, \u202e. All other characters stay.
"""

import json
import unicodedata
from typing import Any

_CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of controls, formats, surrogates, private and unassigned characters, and line separators."""


def one_line(text: str) -> str:
    """Escape control characters, including line breaks."""
    if text.isprintable():
        return text
    return "".join(_escaped(character) if _is_control(character) else character for character in text)


def is_utf8(text: str) -> bool:
    """Whether the text can be encoded as UTF-8: False if it contains a surrogate, such as in a non-UTF-8 file name."""
    return escape_non_utf8(text) == text


def escape_non_utf8(text: str) -> str:
    r"""Escape what cannot be encoded as UTF-8, as in a\udcff.mp4."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def lines(text: str) -> str:
    """Escape control characters, but keep line feeds."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def json_line(record: Any) -> str:
    """The record as JSON on one line, with control characters escaped and others unescaped. Parsing restores them
    all."""
    return sanitize_json(json.dumps(record, ensure_ascii=False))


def sanitize_json(text: str) -> str:
    """Escape control characters in one line of JSON."""
    if text.isprintable():
        return text
    return "".join(json.dumps(character)[1:-1] if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in _CONTROL_CATEGORIES


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
