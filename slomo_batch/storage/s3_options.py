"""S3Options: endpoint and options of S3."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Endpoint and options of S3. boto3 finds the credentials: environment, profile, instance role."""

    endpoint_url: str = ""
    """http(s) URL of an S3 server that is not AWS; empty: AWS, or AWS_ENDPOINT_URL."""
    region: str = ""
    """Empty: the region of the AWS configuration."""
    sse_kms_key_id: str = ""
    """KMS key that encrypts every object written; empty: the bucket's default."""
    expected_bucket_owner: str = ""
    """AWS account the bucket must belong to; empty: not checked."""
    requester_pays: bool = False
    """Pay for requests to requester-pays buckets."""
    addressing_style: Literal["auto", "path"] = "auto"
    """path: bucket in the path, as most servers other than AWS want; auto: path with an endpoint_url, else as AWS
    does."""
