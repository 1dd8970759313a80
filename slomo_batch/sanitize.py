r"""Text from outside made safe to show: names of files, their metadata and libraries' messages are anybody's to write.

What a terminal or a reader of logs would obey (line breaks, escape sequences, marks that turn the direction of writing,
halves of characters) is spelled out as Python spells it: \n, \x1b, \u202e. Everything else stays as it is.
"""

import json
import unicodedata
from typing import Any

_CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of controls, formats, surrogates, private and unassigned characters, and line separators."""


def one_line(text: str) -> str:
    """The text as one line that does nothing but be read."""
    if text.isprintable():
        return text
    return "".join(_escaped(character) if _is_control(character) else character for character in text)


def is_utf8(text: str) -> bool:
    """Whether every character can be stored: False where a name of a file is not UTF-8, or half of a character is."""
    return escape_non_utf8(text) == text


def escape_non_utf8(text: str) -> str:
    r"""The text with what cannot be stored as UTF-8 spelled out, as in a\udcff.mp4."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def lines(text: str) -> str:
    """The same for text of several lines: the line feeds stay."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def json_line(record: Any) -> str:
    """The record as JSON on one line, readable in any script; parsed, it holds the very characters."""
    return sanitize_json(json.dumps(record, ensure_ascii=False))


def sanitize_json(text: str) -> str:
    """The same for JSON that is text already, of one line."""
    if text.isprintable():
        return text
    return "".join(json.dumps(character)[1:-1] if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in _CONTROL_CATEGORIES


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
