"""Shared folders: leave files in them by which every machine checks that it sees the same ones.

In the folder of the work place that is the driver's lease; in a folder of outputs it is a file that is put there for
the run, and in a folder of sources they are some of the sources.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import uuid4

from slomo_batch.errors import ObjectMissing, SlomoError, StorageError, StoreUnusable
from slomo_batch.records.requests import VideoRequest
from slomo_batch.steps.context import StepContext
from slomo_batch.storage.shared_folders import FolderProof, Witness
from slomo_batch.uri import Uri, is_below

MAX_SOURCES = 8
"""Sources that are asked for; the folder is proven by one that is unchanged."""


@contextmanager
def proven_folders(
    folders: Sequence[str], requests: Sequence[VideoRequest], context: StepContext, lease: int
) -> Iterator[tuple[FolderProof, ...]]:
    """Yield a proof for each of the shared folders that the job uses. What was put into them is deleted at the end.

    Raises:
        StoreUnusable: a folder of outputs cannot be written to.
    """
    put: list[Uri] = []
    try:
        yield tuple(proof for folder in folders if (proof := _proof(folder, requests, context, lease, put)) is not None)
    finally:
        for uri in put:
            _delete(uri, context)


def _proof(
    folder: str, requests: Sequence[VideoRequest], context: StepContext, lease: int, put: list[Uri]
) -> FolderProof | None:
    """The proof of one folder; None if nothing of the job is in it. What it puts there is added to `put`."""
    claim = context.work.uri(context.layout.epoch(lease))
    if is_below(claim, folder):
        return FolderProof(folder=folder, witnesses=_witnesses([claim], context), is_of_work=True)
    outputs = [request.output_uri for request in requests if is_below(request.output_uri, folder)]
    if outputs:
        uri, earlier = (_witness_beside(outputs[0], context, number) for number in (lease, lease - 1))
        _delete(earlier, context)  # if that run was killed
        put.append(uri)
        _put(uri, context)
        return FolderProof(folder=folder, witnesses=_witnesses([uri], context))
    sources = [request.source.uri for request in requests if is_below(request.source.uri, folder)]
    witnesses = _witnesses(sources[:: max(1, len(sources) // MAX_SOURCES)][:MAX_SOURCES], context)
    return FolderProof(folder=folder, witnesses=witnesses) if witnesses else None


def _witness_beside(output: Uri, context: StepContext, lease: int) -> Uri:
    """The witness beside an output. Each run has one of its own: a network file system may cache an earlier one."""
    return Uri(f"{output.rpartition('/')[0]}/.slomo-batch-{context.layout.name}-{lease}.shared")


def _delete(uri: Uri, context: StepContext) -> None:
    store, key = context.locate(uri)
    with suppress(SlomoError):  # it is small
        store.delete([key])


def _put(uri: Uri, context: StepContext) -> None:
    """Put a file with random content."""
    store, key = context.locate(uri)
    try:
        store.put(key, uuid4().bytes)
    except StorageError as error:
        raise StoreUnusable(
            "cannot write to this shared folder", where=error.where, got=error.got, remedy=error.remedy
        ) from error


def _witnesses(uris: Sequence[Uri], context: StepContext) -> tuple[Witness, ...]:
    found = []
    for uri in uris:
        store, key = context.locate(uri)
        with suppress(ObjectMissing):  # a source that was deleted since it was listed
            found.append(Witness(uri=uri, fingerprint=store.head(key).fingerprint))
    return tuple(found)
