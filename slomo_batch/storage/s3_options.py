"""S3Options: how S3 is reached."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How S3 is spoken to. Credentials come the ordinary boto3 way: environment, profile, instance role."""

    endpoint_url: str = ""
    """http(s) URL of an S3 server that is not AWS; empty: AWS, or AWS_ENDPOINT_URL."""
    region: str = ""
    """Empty: as the AWS configuration says."""
    sse_kms_key_id: str = ""
    """KMS key that every object written is encrypted with; empty: as the bucket says."""
    expected_bucket_owner: str = ""
    """AWS account the bucket must belong to; empty: not checked."""
    requester_pays: bool = False
    """Agree to pay for reading buckets that ask it."""
    addressing_style: Literal["auto", "path"] = "auto"
    """path: bucket in the path, as most servers other than AWS want; auto: path with an endpoint_url, else as AWS
    does."""
