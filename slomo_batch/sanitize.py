r"""Make text safe to show: escape control characters, and redact credentials.

Names of files, metadata, messages of libraries and servers, and user input are not trusted. Characters that control a
terminal or a log viewer (line breaks, escape sequences, marks of the writing direction, surrogates) are replaced by
Python's escapes: \n, \x1b, \u202e. Credentials are recognized by their context: the user part of a URL, the query of
a signed URL, a setting or header of that name, and AWS access key ids.
"""

import json
import re
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


# ---- credentials -----------------------------------------------------------------------------------------------------

_CUT = "***"
_NAMES = (
    r"signature|credential|security-token|awsaccesskeyid|(?:aws_)?(?:secret_)?access_key(?:_id)?|(?:aws_)?session_token"
    r"|password|sig"
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Python's HTTP client puts the whole value of an invalid header into its message.
    (re.compile(r"""(Invalid header value )b?(['"]).*\2""", re.DOTALL), rf"\1{_CUT}"),
    # //user:password@host; a password may contain "/" and "@"; a port is not a password.
    (re.compile(r"""(?<=//)[^/\s:@]*:(?!\d+(?:[/\s"'?]|$))[^\s"']*(?=@)"""), _CUT),
    (re.compile(r"(?<=//)[^/\s@]+(?=@)"), _CUT),
    # X-Amz-Signature=..., "Credential=...", secret_access_key=...
    (re.compile(rf"""(?i)((?:\b|[-_])(?:{_NAMES})=["']?)[^&,\s"']+"""), rf"\1{_CUT}"),
    (re.compile(r"(?i)(\bx-amz-security-token: ?)[^\s,]+"), rf"\1{_CUT}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), _CUT),
)


def redact_credentials(text: str) -> str:
    """Replace every credential in the text by `***`."""
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
    return text
