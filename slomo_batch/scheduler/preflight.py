"""Preflight: find what would stop the job later, before anything starts."""

import shutil
from collections.abc import Sequence
from uuid import uuid4

from slomo_batch.cluster.shared_disk import check_no_local_paths
from slomo_batch.errors import StoreUnusable
from slomo_batch.records.requests import VideoRequest
from slomo_batch.steps.context import StepContext
from slomo_batch.storage.capability import check_access, check_put_if_absent

DISK_FACTOR = 1.2
"""Local disk that the stitch of a long video needs, as a multiple of the output's size: for the output, its audio, and
the few segments at hand."""


def check_work_store(context: StepContext) -> None:
    """Check that the work store exists, is writable and supports put-if-absent, which commits rely on.

    Raises:
        StoreUnusable: it does not.
    """
    check_access(context.work, context.layout.probe(uuid4().hex), write=True)
    check_put_if_absent(context.work, context.layout.probe)


def check_outputs_writable(requests: Sequence[VideoRequest], context: StepContext) -> None:
    """Check that outputs can be written: put a small object into each bucket, and on the disk, and delete it.

    Its name is always the same for a job, so that the next run deletes what a killed run left. On disk one writable
    folder is enough: an output whose folder is not writable fails its video.

    Raises:
        StoreUnusable: one is not writable.
    """
    tried: set[str] = set()
    proven: set[str] = set()
    refused: dict[str, StoreUnusable] = {}
    for request in requests:
        store, key = context.locate(request.output_uri)
        probe = f"{key[: key.rfind('/') + 1]}.slomo-batch-{context.layout.name}.probe"
        place = "disk" if store.root.is_local else store.root
        if place in proven or store.uri(probe) in tried:
            continue
        tried.add(store.uri(probe))
        try:
            check_access(store, probe, write=True)
            proven.add(place)
        except StoreUnusable as error:
            if not store.root.is_local:
                raise
            refused.setdefault(place, error)
    for place in refused.keys() - proven:
        raise refused[place]


def check_machines_share_storage(
    num_machines: int, requests: Sequence[VideoRequest], context: StepContext, shared: Sequence[str] = ()
) -> None:
    """Check that several machines find everything on S3 or in the folders that they share.

    Raises:
        ManifestError: a source, an output or the work place is on the disk of one.
    """
    videos = (uri for request in requests for uri in (request.source.uri, request.output_uri))
    local = [uri for uri in (context.work.root, *videos) if uri.is_local]
    check_no_local_paths(num_machines, local, shared=shared)


def check_local_disk(requests: Sequence[VideoRequest], context: StepContext) -> None:
    """Check that the local disk has room to join a file as large as the largest source; a stitch checks again, exactly.

    Raises:
        StoreUnusable: it has not.
    """
    largest = max((request.source.size_bytes for request in requests), default=0)
    free = shutil.disk_usage(context.scratch).free
    if free < DISK_FACTOR * largest:
        raise StoreUnusable(
            "too little local disk to join segments",
            where=str(context.scratch),
            expected=f"{int(DISK_FACTOR * largest):,} bytes free",
            got=f"{free:,}",
            remedy="Free some space, or set TMPDIR to a larger disk.",
        )
