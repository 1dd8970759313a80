"""Validation that each bucket with options of its own is one that the job uses."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from slomo_batch.manifest.scalars import did_you_mean
from slomo_batch.manifest.validation_errors import Problem
from slomo_batch.settings import VideoSettings
from slomo_batch.uri import split_s3

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest


def unused_buckets(manifest: "Manifest") -> list[Problem]:
    """Return a problem for each bucket of `storage.buckets` that nothing in the manifest is in.

    With a table of videos there are none: its rows may name any bucket.
    """
    if any(spec.table for spec in manifest.inputs):
        return []
    used = {bucket for text in _locations(manifest) if (bucket := split_s3(text)[0])}
    return [
        Problem(
            path=("storage", "buckets", bucket),
            text=f"no input, output or work place is in this bucket{did_you_mean(bucket, used)}",
        )
        for bucket, _ in manifest.job.storage.buckets
        if bucket not in used
    ]


def _locations(manifest: "Manifest") -> Iterator[str]:
    yield from (manifest.output.uri, manifest.work, *(spec.uri for spec in manifest.inputs))
    for layer in (manifest, *manifest.inputs, manifest.overrides):
        yield layer.record(VideoSettings).interpolate.weights
