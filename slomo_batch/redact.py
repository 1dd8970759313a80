"""Cut credentials out of text before anybody sees it: messages of libraries and servers, and what a person typed.

Recognized by the form around them: the user part of a URL, the query of a signed URL, a setting or header of that name,
and the ids of AWS's keys.
"""

import re

_CUT = "***"
_NAMES = (
    r"signature|credential|security-token|awsaccesskeyid|(?:aws_)?(?:secret_)?access_key(?:_id)?|(?:aws_)?session_token"
    r"|password|sig"
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # What Python's HTTP client says of a header that it cannot send: all of the header.
    (re.compile(r"""(Invalid header value )b?(['"]).*\2""", re.DOTALL), rf"\1{_CUT}"),
    # //user:password@host; a password may hold "/" and "@", a port is no password.
    (re.compile(r"""(?<=//)[^/\s:@]*:(?!\d+(?:[/\s"'?]|$))[^\s"']*(?=@)"""), _CUT),
    (re.compile(r"(?<=//)[^/\s@]+(?=@)"), _CUT),
    # X-Amz-Signature=..., "Credential=...", secret_access_key=...
    (re.compile(rf"""(?i)((?:\b|[-_])(?:{_NAMES})=["']?)[^&,\s"']+"""), rf"\1{_CUT}"),
    (re.compile(r"(?i)(\bx-amz-security-token: ?)[^\s,]+"), rf"\1{_CUT}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), _CUT),
)


def redact_credentials(text: str) -> str:
    """The text with every credential in it replaced by `***`."""
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
    return text
