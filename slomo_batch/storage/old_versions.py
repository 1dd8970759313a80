"""Whether a bucket keeps old versions of objects: then every heartbeat of a job stays there, and is billed."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.s3_errors import BOTO_ERRORS
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOTE = (
    "its bucket keeps old versions of objects, and no lifecycle rule expires them: every heartbeat and every deleted "
    "chunk stays there and is billed"
)
REMEDY = "Add a lifecycle rule with NoncurrentVersionExpiration, or use a bucket without versioning."


def keeps_old_versions(uri: Uri, options: S3Options) -> bool:
    """Whether the bucket of a work place keeps old versions for ever.

    False for a folder, and where the store does not say it: a policy may deny both questions.
    """
    if uri.is_local:
        return False
    client, asked = s3_client(options.of(uri.bucket), uri), _bucket(uri, options)
    try:
        if client.get_bucket_versioning(**asked).get("Status") != "Enabled":
            return False
        return not any(_expires_versions(rule) for rule in _rules(client, asked))
    except BOTO_ERRORS:
        return False


def _bucket(uri: Uri, options: S3Options) -> dict[str, Any]:
    owner = options.of(uri.bucket).expected_bucket_owner
    return {"Bucket": uri.bucket, **({"ExpectedBucketOwner": owner} if owner else {})}


def _rules(client: "S3Client", asked: dict[str, Any]) -> list[Any]:
    try:
        return list(client.get_bucket_lifecycle_configuration(**asked)["Rules"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
            return []
        raise


def _expires_versions(rule: Any) -> bool:
    """Whether a rule expires old versions of any objects; it is not compared with the prefix of the work place."""
    return rule.get("Status") == "Enabled" and "NoncurrentVersionExpiration" in rule
