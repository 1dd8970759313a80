"""Options of S3, which are the section `storage` of a manifest: those of all buckets, and those of single ones."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from slomo_batch.declarations import setting

OwnOptions = tuple[tuple[str, Any], ...]
"""Names of options and their values, for one bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Options of a bucket. Credentials come from the environment, a profile or the machine's role, never from a
    manifest."""

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
    profile: str = setting(
        "",
        "the profile of the AWS configuration that has the credentials. Every machine of the job needs it",
        values="the name of a profile",
        unset="the credentials that boto3 finds",
        is_later=True,
    )

    def of(self, bucket: str) -> "S3Options":
        """The options of a bucket: these."""
        del bucket
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageOptions(S3Options):
    """Storage: options of all buckets on S3, what differs in single ones, and folders that machines share."""

    buckets: tuple[tuple[str, OwnOptions], ...] = setting(
        (),
        "other options for single buckets: each bucket's section has any of the keys above, in place of those",
        values="a section for each bucket",
        unset="none",
        form="buckets",
        is_later=True,
    )

    shared: tuple[str, ...] = setting(
        (),
        """folders that every machine of a cluster sees under this path, such as NFS. Inputs, work and outputs may then
        be in them; see [shared folders](#shared-folders)""",
        values="a list of absolute paths",
        unset="none",
        form="folders",
        is_later=True,
    )

    def of(self, bucket: str) -> S3Options:
        """The options of a bucket: those of all buckets, with its own in their place."""
        common = {one.name: getattr(self, one.name) for one in fields(S3Options)}
        return S3Options(**common | dict(dict(self.buckets).get(bucket, ())))
