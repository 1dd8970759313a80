"""Preflight: what would stop the job later is found before anything starts."""

import shutil
from collections.abc import Sequence
from uuid import uuid4

from slomo_batch.cluster.shared_disk import check_no_local_paths
from slomo_batch.errors import StoreUnusable
from slomo_batch.records import VideoRequest
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stitch import DISK_FACTOR
from slomo_batch.storage.capability import prove_access, prove_put_if_absent
from slomo_batch.storage.uris import is_s3


def check_work_store(context: StepContext) -> None:
    """The work store is there, may be written, and keeps the promise that commits rest on.

    Raises:
        StoreUnusable: it is not so.
    """
    prove_access(context.work, context.layout.probe(uuid4().hex), write=True)
    prove_put_if_absent(context.work, context.layout.probe)


def check_outputs_writable(requests: Sequence[VideoRequest], context: StepContext) -> None:
    """Every bucket and the disk that outputs go to may be written; a small object is put beside an output, and deleted.

    Its name is always the same for a job, so that one which a killed run left behind is deleted by the next. On disk
    one folder that takes it is enough: an output whose own folder refuses it fails its video.

    Raises:
        StoreUnusable: it is not so.
    """
    tried: set[str] = set()
    proven: set[str] = set()
    refused: dict[str, StoreUnusable] = {}
    for request in requests:
        store, key = context.locate(request.output_uri)
        probe = f"{key[: key.rfind('/') + 1]}.slomo-batch-{context.layout.name}.probe"
        place = store.root if is_s3(store.root) else "disk"
        if place in proven or store.uri(probe) in tried:
            continue
        tried.add(store.uri(probe))
        try:
            prove_access(store, probe, write=True)
            proven.add(place)
        except StoreUnusable as error:
            if is_s3(place):
                raise
            refused.setdefault(place, error)
    for place in refused.keys() - proven:
        raise refused[place]


def check_machines_share_storage(num_machines: int, requests: Sequence[VideoRequest], context: StepContext) -> None:
    """Several machines share no disk.

    Raises:
        ManifestError: something that all of them need is on the disk of one.
    """
    videos = (uri for request in requests for uri in (request.source.uri, request.output_uri))
    check_no_local_paths(num_machines, [context.work.root, *videos])


def check_local_disk(requests: Sequence[VideoRequest], context: StepContext) -> None:
    """The local disk has room to join a file as large as the largest source; the stitch itself asks again, exactly.

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
            remedy="Free some, or set TMPDIR to a larger disk.",
        )
