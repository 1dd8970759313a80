"""Map errors of boto3 and of S3 servers to errors of this project: one table by exception class, one by S3 error code.

Messages include the server's message, with credentials redacted.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import botocore.exceptions as boto
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError, ProxySchemeUnsupported

from slomo_batch.errors import (
    AccessRefused,
    ObjectChanged,
    ObjectMissing,
    SlomoError,
    StorageBusy,
    StoreUnusable,
    StoreUnusableHere,
)
from slomo_batch.sanitize import redact_credentials

Fault = tuple[type[SlomoError], str, str]
"""Class, what happened, and what to do."""

_CONNECTION: Fault = (
    StorageBusy,
    "the connection to the store failed",
    "Check the endpoint and the network, and try again later.",
)
_CREDENTIALS: Fault = (
    StoreUnusableHere,
    "no usable credentials",
    "Give boto3 credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or an instance role.",
)
_CONFIGURATION: Fault = (
    StoreUnusableHere,
    "the AWS configuration cannot be used",
    "Check endpoint, region and profile: the s3 settings, AWS_* variables and ~/.aws/config.",
)
_HEADER: Fault = (
    StoreUnusableHere,
    "a request cannot be sent: a credential or setting contains a character that is invalid in HTTP headers",
    "Check for line breaks and unusual characters in the credentials, the AWS_* variables and the storage settings.",
)
_PROGRAM: Fault = (
    StoreUnusable,
    "boto3 refused the request",
    "This is a defect of slomo_batch or of the installed boto3: please report it.",
)
_DAMAGED: Fault = (
    StorageBusy,
    "data were corrupted in transit",
    "Try again; if it happens again, check the network.",
)

FAULTS_BY_CLASS: dict[type[Exception], Fault] = {
    # the network
    HTTPError: _CONNECTION,
    boto.HTTPClientError: _CONNECTION,
    boto.ConnectionError: _CONNECTION,
    boto.IncompleteReadError: _CONNECTION,
    boto.ChecksumError: _DAMAGED,
    boto.FlexibleChecksumError: _DAMAGED,
    ResponseParserError: (
        StorageBusy,
        "the answer is not a valid S3 response",
        "Check the endpoint and any proxy, and try again later.",
    ),
    boto.SSLError: (
        StoreUnusableHere,
        "the store's TLS certificate is not trusted, or the store does not use TLS",
        "Check http:// or https:// in the endpoint; AWS_CA_BUNDLE names a private certificate authority.",
    ),
    boto.CapacityNotAvailableError: _CONNECTION,
    # credentials
    boto.NoCredentialsError: _CREDENTIALS,
    boto.NoAuthTokenError: _CREDENTIALS,
    boto.TokenRetrievalError: _CREDENTIALS,
    boto.UnknownTokenProviderError: _CREDENTIALS,
    boto.PartialCredentialsError: _CREDENTIALS,
    boto.CredentialRetrievalError: _CREDENTIALS,
    boto.UnknownCredentialError: _CREDENTIALS,
    boto.RefreshWithMFAUnsupportedError: _CREDENTIALS,
    boto.MetadataRetrievalError: _CREDENTIALS,
    boto.SSOError: _CREDENTIALS,
    boto.LoginError: _CREDENTIALS,
    # configuration
    boto.UnknownRegionError: _CONFIGURATION,
    boto.InvalidIMDSEndpointError: _CONFIGURATION,
    boto.InvalidIMDSEndpointModeError: _CONFIGURATION,
    boto.UnknownSignatureVersionError: _CONFIGURATION,
    boto.UnsupportedSignatureVersionError: _CONFIGURATION,
    boto.ServiceNotInRegionError: _CONFIGURATION,
    boto.BaseEndpointResolverError: _CONFIGURATION,
    boto.ProfileNotFound: _CONFIGURATION,
    boto.ConfigParseError: _CONFIGURATION,
    boto.ConfigNotFound: _CONFIGURATION,
    boto.InvalidRegionError: _CONFIGURATION,
    boto.InvalidDNSNameError: _CONFIGURATION,
    boto.InvalidS3AddressingStyleError: _CONFIGURATION,
    boto.UnsupportedS3ArnError: _CONFIGURATION,
    boto.UnsupportedS3ControlArnError: _CONFIGURATION,
    boto.InvalidHostLabelError: _CONFIGURATION,
    boto.UnsupportedOutpostResourceError: _CONFIGURATION,
    boto.UnsupportedS3ConfigurationError: _CONFIGURATION,
    boto.UnsupportedS3AccesspointConfigurationError: _CONFIGURATION,
    boto.UnsupportedS3ControlConfigurationError: _CONFIGURATION,
    boto.InvalidEndpointDiscoveryConfigurationError: _CONFIGURATION,
    boto.InvalidRetryConfigurationError: _CONFIGURATION,
    boto.InvalidS3UsEast1RegionalEndpointConfigError: _CONFIGURATION,
    boto.InvalidSTSRegionalEndpointsConfigError: _CONFIGURATION,
    boto.InvalidConfigError: _CONFIGURATION,
    boto.InvalidProxiesConfigError: _CONFIGURATION,
    ProxySchemeUnsupported: _CONFIGURATION,
    boto.InvalidDefaultsMode: _CONFIGURATION,
    boto.InvalidEndpointConfigurationError: _CONFIGURATION,
    boto.InvalidChecksumConfigError: _CONFIGURATION,
    boto.EndpointProviderError: _CONFIGURATION,
    boto.MD5UnavailableError: _CONFIGURATION,
    boto.MissingDependencyException: _CONFIGURATION,
    boto.UnsupportedServiceProtocolsError: _CONFIGURATION,
    # defects of a program
    boto.DataNotFoundError: _PROGRAM,
    boto.ApiVersionNotFoundError: _PROGRAM,
    boto.MissingParametersError: _PROGRAM,
    boto.ValidationError: _PROGRAM,
    boto.ParamValidationError: _PROGRAM,
    boto.UnknownServiceStyle: _PROGRAM,
    boto.OperationNotPageableError: _PROGRAM,
    boto.UnseekableStreamError: _PROGRAM,
    boto.WaiterError: _PROGRAM,
    boto.WaiterConfigError: _PROGRAM,
    boto.InvalidExpressionError: _PROGRAM,
    boto.UnknownClientMethodError: _PROGRAM,
    boto.StubResponseError: _PROGRAM,
    boto.AwsChunkedWrapperError: _PROGRAM,
    boto.UndefinedModelAttributeError: _PROGRAM,
    # the store
    boto.PaginationError: (
        StoreUnusable,
        "the store's listing does not end",
        "Use a store that paginates ListObjectsV2 as AWS S3 does.",
    ),
}
"""By exception class; a subclass that is not listed is treated like its nearest base class. ClientError is mapped by
its code."""

_BUSY: Fault = (StorageBusy, "the store is busy or had an internal error", "Try again later.")
_REFUSED: Fault = (
    AccessRefused,
    "access denied",
    "Allow these credentials to read (s3:GetObject, s3:ListBucket) or write (s3:PutObject, s3:DeleteObject) here.",
)
_BAD_CREDENTIALS: Fault = (
    StoreUnusableHere,
    "the store does not accept the credentials",
    "Check or renew the credentials that boto3 finds (environment, profile, role), and this machine's clock.",
)
_BAD_ACCOUNT: Fault = (
    StoreUnusable,
    "the store does not accept the account of these credentials",
    "Check the account: whether it is signed up for the store, suspended or denied all access.",
)
_WRONG_PLACE: Fault = (
    StoreUnusable,
    "the bucket is in another region or at another endpoint",
    "Set the region or endpoint of the bucket.",
)
_NO_KEY: Fault = (ObjectMissing, "no such object", "")
_CHANGED: Fault = (ObjectChanged, "the object changed", "")
_BAD_BUCKET: Fault = (StoreUnusable, "no such bucket", "Create the bucket, or correct its name.")
_INCAPABLE: Fault = (
    StoreUnusable,
    "the store does not support a required operation",
    "Use a store with the interface of AWS S3.",
)
_KMS: Fault = (StoreUnusable, "the encryption key cannot be used", "Check the KMS key, its state and its limits.")
_FULL: Fault = (StoreUnusable, "no space left", "Free space and run again; finished work is kept.")
_BAD_KEY: Fault = (AccessRefused, "the store does not accept this key", "Use a shorter name with plain characters.")
_COLD: Fault = (
    AccessRefused,
    "the object is in cold storage",
    "Restore it first (aws s3api restore-object), wait for the restore to finish, then run again.",
)

FAULTS_BY_CODE: dict[str, Fault] = {
    "NoSuchKey": _NO_KEY,
    "NoSuchVersion": _NO_KEY,
    "NotFound": _NO_KEY,
    "NoSuchBucket": _BAD_BUCKET,
    "InvalidBucketName": _BAD_BUCKET,
    "NoSuchUpload": (StorageBusy, "the upload was already aborted or completed", "Try again later."),
    "PreconditionFailed": _CHANGED,
    "InvalidObjectState": _COLD,
    "AccessDenied": _REFUSED,
    "AccessDeniedException": _REFUSED,
    "Forbidden": _REFUSED,
    "UnauthorizedAccess": _REFUSED,
    "AccessPointAccessDenied": _REFUSED,
    "InvalidAccessKeyId": _BAD_CREDENTIALS,
    "SignatureDoesNotMatch": _BAD_CREDENTIALS,
    "ExpiredToken": _BAD_CREDENTIALS,
    "ExpiredTokenException": _BAD_CREDENTIALS,
    "InvalidToken": _BAD_CREDENTIALS,
    "InvalidClientTokenId": _BAD_CREDENTIALS,
    "TokenRefreshRequired": _BAD_CREDENTIALS,
    "UnrecognizedClientException": _BAD_CREDENTIALS,
    "RequestExpired": _BAD_CREDENTIALS,
    "RequestTimeTooSkewed": _BAD_CREDENTIALS,
    "InvalidSecurity": _BAD_CREDENTIALS,
    "NotSignedUp": _BAD_ACCOUNT,
    "AccountProblem": _BAD_ACCOUNT,
    "AllAccessDisabled": _BAD_ACCOUNT,
    "AuthorizationHeaderMalformed": _WRONG_PLACE,
    "PermanentRedirect": _WRONG_PLACE,
    "TemporaryRedirect": _WRONG_PLACE,
    "Redirect": _WRONG_PLACE,
    "IllegalLocationConstraintException": _WRONG_PLACE,
    "NotImplemented": _INCAPABLE,
    "MethodNotAllowed": _INCAPABLE,
    "KMS.DisabledException": _KMS,
    "KMS.InvalidKeyUsageException": _KMS,
    "KMS.KMSInvalidStateException": _KMS,
    "KMS.NotFoundException": _KMS,
    "KMS.KeyUnavailableException": _KMS,
    "QuotaExceeded": _FULL,
    "InsufficientCapacity": _FULL,
    "StorageFull": _FULL,
    "XMinioStorageFull": _FULL,
    "KeyTooLongError": _BAD_KEY,
    "InvalidURI": _BAD_KEY,
    "SlowDown": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "BandwidthLimitExceeded": _BUSY,
    "TooManyRequestsException": _BUSY,
    "InternalError": _BUSY,
    "ServiceUnavailable": _BUSY,
    "RequestTimeout": _BUSY,
    "RequestTimeoutException": _BUSY,
    "ConditionalRequestConflict": _BUSY,
    "OperationAborted": _BUSY,
    "BadDigest": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "InvalidPart": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
}
"""By the error code in the server's answer."""

FAULTS_BY_STATUS: dict[int, Fault] = {
    301: _WRONG_PLACE,
    307: _WRONG_PLACE,
    401: _REFUSED,
    403: _REFUSED,
    404: _NO_KEY,
    408: _BUSY,
    409: _BUSY,
    412: _CHANGED,
    429: _BUSY,
    501: _INCAPABLE,
}
"""By HTTP status, if the code is unknown or missing: answers to HEAD have no body."""

_THROTTLED = ("throttl", "slowdown", "toomanyrequests", "limitexceeded", "serviceunavailable")
"""Parts of the codes of servers that ask for fewer requests, in lower case: Throttling, RequestThrottled,
KMS.ThrottlingException, SlowDownRead (MinIO), TooManyRequests, ThrottledException, and so on."""
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_SHORTEST_SECRET = 8
"""Characters. A shorter value is not a real secret, and may be part of any word."""


def storage_error(error: Exception, where: str) -> SlomoError:
    """The SlomoError to raise for an error of boto3 or of the server at `where`."""
    if isinstance(error, boto.ClientError):
        kind, what, remedy = _of_answer(error)
        answer = error.response.get("Error", {})
        got = f"{answer.get('Code', '')}: {answer.get('Message', '')}".strip(": ")
    else:
        kind, what, remedy = _HEADER if _is_of_header(error) else _of_class(type(error))
        got = "" if (kind, what, remedy) == _CREDENTIALS else str(error)
        got = f"{type(error).__name__}: {got}".removesuffix(": ")
    return kind(what, where=where, got=redact_secrets(got).rstrip(". "), remedy=remedy)


def redact_secrets(text: str) -> str:
    """Replace credentials in the text, and text that looks like one, by `***`."""
    for secret in filter(None, map(os.environ.get, _SECRET_VARIABLES)):
        if len(secret) >= _SHORTEST_SECRET:
            for form in {secret, secret.strip(), repr(secret)[1:-1], quote(secret, safe="")}:
                text = text.replace(form, "***")
    return redact_credentials(text)


def check_credentials(credentials: Credentials, where: str) -> None:
    """Check that a client's credentials can be sent.

    Raises:
        StoreUnusableHere: one of them contains a character that cannot be sent in a request.
    """
    frozen = credentials.get_frozen_credentials()
    parts = {"access key": frozen.access_key, "secret key": frozen.secret_key, "session token": frozen.token}
    for name, value in parts.items():
        fault = _unsendable(value or "", in_header=name != "secret key")
        if fault:
            kind, what, _ = _CREDENTIALS
            raise kind(
                what,
                where=where,
                got=f"{fault} in the {name} (found by boto3's method {credentials.method!r})",
                remedy=f"Set the {name} without it: in the AWS_* variables, the profile, or where it comes from.",
            )


def _unsendable(value: str, *, in_header: bool) -> str:
    """Name the invalid character in a credential; "" if none. The secret key is not sent, so it may be non-ASCII."""
    if any(character in value for character in "\r\n"):
        return "a line break"
    if any(character < " " or character == "\x7f" for character in value):
        return "a control character"
    if in_header and not value.isascii():
        return "a character outside ASCII"
    return ""


def _is_of_header(error: Exception) -> bool:
    """Whether Python's HTTP client refused a header, which it reports by a ValueError or UnicodeEncodeError."""
    cause = error.kwargs.get("error") if isinstance(error, boto.HTTPClientError) else None
    return type(cause) in {ValueError, UnicodeEncodeError}


def _of_class(kind: type[BaseException]) -> Fault:
    unknown: Fault = (StoreUnusable, "unexpected error from boto3", "")
    return next((FAULTS_BY_CLASS[ancestor] for ancestor in kind.__mro__ if ancestor in FAULTS_BY_CLASS), unknown)


def _of_answer(error: boto.ClientError) -> Fault:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in FAULTS_BY_CODE:
        return FAULTS_BY_CODE[code]
    if any(name in code.lower() for name in _THROTTLED):
        return _BUSY
    if status in FAULTS_BY_STATUS:
        return FAULTS_BY_STATUS[status]
    return _BUSY if status >= 500 else (AccessRefused, "the store refused the request", "")


BOTO_ERRORS = (
    boto.BotoCoreError,
    boto.ClientError,
    boto.UndefinedModelAttributeError,
    ResponseParserError,
    HTTPError,
    ProxySchemeUnsupported,
)
"""Exceptions that a request may raise."""

CHECKSUM_ERRORS = (boto.ChecksumError, boto.FlexibleChecksumError)
"""Exceptions for a complete body whose checksum does not match."""


@contextmanager
def translate_errors(where: str) -> Iterator[None]:
    """Raise errors of boto3 in the block as errors of this project."""
    try:
        yield
    except BOTO_ERRORS as error:
        raise storage_error(error, where) from error
