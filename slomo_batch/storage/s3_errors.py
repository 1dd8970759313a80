"""What every failure of boto3 and of an S3 server means here: one table by exception class, one by S3's error code.

Messages pass on the server's own words, with anything that looks like a credential cut out.
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
)
from slomo_batch.redact import redact_credentials

Fault = tuple[type[SlomoError], str, str]
"""Class, what happened, and what to do."""

_CONNECTION: Fault = (
    StorageBusy,
    "the connection to the store failed",
    "Check the endpoint and the network; the same may succeed later.",
)
_CREDENTIALS: Fault = (
    StoreUnusable,
    "no usable credentials",
    "Give boto3 credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or an instance role.",
)
_CONFIGURATION: Fault = (
    StoreUnusable,
    "the AWS configuration cannot be used",
    "Check endpoint, region and profile: the s3 settings, AWS_* variables and ~/.aws/config.",
)
_HEADER: Fault = (
    StoreUnusable,
    "a request cannot be sent: a credential or setting holds a character that no HTTP header can",
    "Check for line breaks and odd characters in the credentials, the AWS_* variables and the storage settings.",
)
_PROGRAM: Fault = (
    StoreUnusable,
    "boto3 refused the request",
    "This is a fault of the program or of the installed boto3: please report it.",
)
_DAMAGED: Fault = (
    StorageBusy,
    "data were damaged on the way",
    "The same may succeed later; if not, check the network.",
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
        "the answer is not in S3's language",
        "Check the endpoint, and what stands between; the same may succeed later.",
    ),
    boto.SSLError: (
        StoreUnusable,
        "the store's TLS certificate is not trusted, or it speaks no TLS",
        "Check http:// or https:// in the endpoint; AWS_CA_BUNDLE names a private certificate authority.",
    ),
    boto.CapacityNotAvailableError: _CONNECTION,
    # who we are
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
    # what is configured
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
    # what only a wrong program meets
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
        "the store's listings do not come to an end",
        "Use a store that pages ListObjectsV2 as AWS does.",
    ),
}
"""By the nearest class of the exception's line of descent. ClientError is not here: its code decides."""

_BUSY: Fault = (StorageBusy, "the store is busy or failed inside", "The same may succeed later.")
_REFUSED: Fault = (
    AccessRefused,
    "access denied",
    "Allow these credentials to read (s3:GetObject, s3:ListBucket) or write (s3:PutObject, s3:DeleteObject) here.",
)
_BAD_CREDENTIALS: Fault = (
    StoreUnusable,
    "the store does not accept the credentials",
    "Check or renew the credentials that boto3 finds (environment, profile, role), and this machine's clock.",
)
_WRONG_PLACE: Fault = (StoreUnusable, "the bucket is elsewhere", "Set the bucket's own region or endpoint.")
_NO_KEY: Fault = (ObjectMissing, "no such object", "")
_CHANGED: Fault = (ObjectChanged, "the object changed", "")
_BAD_BUCKET: Fault = (StoreUnusable, "no such bucket", "Create it, or correct its name.")
_INCAPABLE: Fault = (StoreUnusable, "the store cannot do what is needed", "Use a store with AWS's S3 interface.")
_KMS: Fault = (StoreUnusable, "the encryption key cannot be used", "Check the KMS key, its state and its limits.")
_FULL: Fault = (StoreUnusable, "no space left", "Make room and run again: what is committed stays.")
_BAD_KEY: Fault = (AccessRefused, "the store does not take this key", "Use a shorter, plainer name.")
_COLD: Fault = (
    AccessRefused,
    "the object is in cold storage",
    "Restore it first (aws s3api restore-object), wait until that is done, then run again.",
)

FAULTS_BY_CODE: dict[str, Fault] = {
    "NoSuchKey": _NO_KEY,
    "NoSuchVersion": _NO_KEY,
    "NotFound": _NO_KEY,
    "NoSuchBucket": _BAD_BUCKET,
    "InvalidBucketName": _BAD_BUCKET,
    "NoSuchUpload": (StorageBusy, "the upload was aborted or is finished already", "The same may succeed later."),
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
    "NotSignedUp": _BAD_CREDENTIALS,
    "AccountProblem": _BAD_CREDENTIALS,
    "AllAccessDisabled": _BAD_CREDENTIALS,
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
"""By the code in the server's answer."""

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
"""By HTTP status where the code is unknown, or there is none: answers to HEAD have no body."""

_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_SHORTEST_SECRET = 8
"""Characters. A shorter one is nobody's secret, and may be part of any word."""


def storage_error(error: Exception, where: str) -> SlomoError:
    """The project's error for one of boto3's or of the server's."""
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
    """The text without what is, or looks like, a credential."""
    for secret in filter(None, map(os.environ.get, _SECRET_VARIABLES)):
        if len(secret) >= _SHORTEST_SECRET:
            for form in {secret, secret.strip(), repr(secret)[1:-1], quote(secret, safe="")}:
                text = text.replace(form, "***")
    return redact_credentials(text)


def check_credentials(credentials: Credentials | None, where: str) -> None:
    """Check that the credentials of a client, if it has any, can be sent.

    Raises:
        StoreUnusable: one of them holds a character that no request can carry.
    """
    if credentials is None:
        return
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
    """What in a credential cannot be sent; "" if all can. The secret key only signs, so it may be in any script."""
    if any(character in value for character in "\r\n"):
        return "a line break"
    if any(character < " " or character == "\x7f" for character in value):
        return "a control character"
    if in_header and not value.isascii():
        return "a character outside ASCII"
    return ""


def _is_of_header(error: Exception) -> bool:
    """Whether Python's HTTP client refused a header: it raises plain ValueErrors and UnicodeEncodeErrors."""
    cause = error.kwargs.get("error") if isinstance(error, boto.HTTPClientError) else None
    return type(cause) in {ValueError, UnicodeEncodeError}


def _of_class(kind: type[BaseException]) -> Fault:
    unknown: Fault = (StoreUnusable, "boto3 failed in a way not known here", "")
    return next((FAULTS_BY_CLASS[ancestor] for ancestor in kind.__mro__ if ancestor in FAULTS_BY_CLASS), unknown)


def _of_answer(error: boto.ClientError) -> Fault:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in FAULTS_BY_CODE:
        return FAULTS_BY_CODE[code]
    if (
        "throttl" in code.lower()
    ):  # Throttling, RequestThrottled, KMS.ThrottlingException, ...: each service has its own
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
"""Everything that a request may raise."""

CHECKSUM_ERRORS = (boto.ChecksumError, boto.FlexibleChecksumError)
"""What is raised where a body came whole and is not what was stored."""


@contextmanager
def translate_errors(where: str) -> Iterator[None]:
    """Report what boto3 raises inside as the project's errors."""
    try:
        yield
    except BOTO_ERRORS as error:
        raise storage_error(error, where) from error
