"""Redact credentials in text before it is shown or stored: messages of libraries and servers, and user input.

Credentials are recognized by their context: the user part of a URL, the query of a signed URL, a setting or header of
that name, and AWS access key ids.
"""

import re

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
