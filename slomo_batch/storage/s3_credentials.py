"""Where boto3 finds credentials for S3, without a request to S3."""

import boto3
from botocore.exceptions import BotoCoreError


def credentials_source() -> str:
    """Return how boto3 found credentials, such as `env` or `iam-role`; empty if there are none.

    Looking for the role of an instance asks its metadata service, which takes up to two seconds elsewhere.
    """
    try:
        found = boto3.session.Session().get_credentials()
    except BotoCoreError:
        return ""
    return str(found.method) if found is not None else ""
