"""S3Options: endpoint and options of S3, which are the section `storage` of a manifest."""

from dataclasses import dataclass
from typing import Literal

from slomo_batch.declarations import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """S3 storage. Credentials come from the environment, a profile or the machine's role, never from a manifest."""

    endpoint_url: str = setting(
        "", "another S3 server than AWS", values="`http://` or `https://`", unset="AWS", form="endpoint"
    )
    region: str = setting("", "the region of the buckets", values="a region", unset="from the AWS configuration")
    sse_kms_key_id: str = setting(
        "", "the key that encrypts everything the job writes", values="a KMS key", unset="from the bucket"
    )
    expected_bucket_owner: str = setting(
        "",
        "the AWS account that must own the buckets",
        values="12 digits, in quotes",
        unset="not checked",
        form="account",
    )
    requester_pays: bool = setting(default=False, doc="agree to pay for reading from requester-pays buckets")
    addressing_style: Literal["auto", "path"] = setting(
        "auto",
        """`path` puts the bucket into the path of the URL instead of the host name. `auto`: with an `endpoint_url`
        `path`, otherwise what AWS does""",
    )
