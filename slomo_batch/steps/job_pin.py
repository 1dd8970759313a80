"""Pin a job: its first run decides what `auto` means for all its videos, and every later run follows it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slomo_batch.errors import JobDamaged, ManifestError, ObjectMissing, StorageError, WeightsError, WorkDamaged
from slomo_batch.interpolators.method import MethodWeights, weights_not_fetched, weights_not_found
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.registry import FoundMethod, find_method
from slomo_batch.manifest.output_names import MAX_NAME_BYTES
from slomo_batch.plan.job_pin import Basis, JobPin, MethodPin, WeightsPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.serialization import digest, file_sha256
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import commit, committed
from slomo_batch.uri import Uri

_BASIS_REMEDY = (
    "Restore it from a backup, or delete it: the next run decides again and keeps what is published, but begins "
    "unfinished videos again if its decision differs."
)
_WEIGHTS_REMEDY = (
    "Restore it from a backup, or delete it: the next run looks the weights up by name, and makes all videos again if "
    "they differ."
)


def pinned_basis(context: StepContext) -> Basis | None:
    """The basis that an earlier run pinned; None before the first run.

    Raises:
        JobDamaged: its record is damaged.
    """
    with _as_damage_of_the_job(_BASIS_REMEDY):
        return committed(context.work, context.layout.job, Basis)


def pin_basis(basis: Basis, context: StepContext) -> Basis:
    """Pin this basis unless one is pinned already; returns the pinned one."""
    with _as_damage_of_the_job(_BASIS_REMEDY):
        return commit(context.work, context.layout.job, basis)


@contextmanager
def _as_damage_of_the_job(remedy: str) -> Iterator[None]:
    """Raise JobDamaged for a damaged record that all videos depend on: made again, it may change their ids."""
    try:
        yield
    except WorkDamaged as damaged:
        raise JobDamaged(damaged.what, where=damaged.where, got=damaged.got, remedy=remedy) from damaged


def pin_job(basis: Basis, requests: Iterable[VideoRequest], context: StepContext, *, dry_run: bool = False) -> JobPin:
    """Pin the job: its basis, the methods of its videos, and what each value of `interpolate.weights` means.

    A dry run writes nothing.

    Raises:
        JobDamaged: the record of a pinned name is damaged.
        WeightsError: the weights of one name cannot be used.
        ManifestError: a method cannot be used; or the weights of several names, and each is listed with a video that
            has it.
    """
    videos = {_weights_wanted(request): request.source.uri for request in requests}
    pinned: dict[str, MethodPin] = {}
    errors: dict[str, WeightsError] = {}
    for name in sorted({method for method, _ in videos}):
        found = find_method(name)
        spellings = sorted(spelling for method, spelling in videos if method == name)
        weights = None
        if found.method.weights is not None:
            weights = {}
            for spelling in spellings:
                try:
                    weights[spelling] = _pin_weights(found, spelling, context, dry_run=dry_run)
                except WeightsError as error:
                    errors[videos[name, spelling]] = error
        pinned[name] = MethodPin(version=found.version, context=found.method.context, weights=weights)
    _raise_all(errors)
    return JobPin(
        pixel_revision=PIXEL_REVISION,
        precision=basis.precision,
        threads=basis.threads,
        nvenc_works=basis.nvenc_works,
        methods=pinned,
        gpu_batches=basis.gpu_batches,
        some_nvenc=basis.some_nvenc,
        memory_bytes=basis.memory_bytes,
    )


def _weights_wanted(request: VideoRequest) -> tuple[str, str]:
    """The method of a video, and the value of its weights."""
    return request.settings.interpolate.method, request.settings.interpolate.weights


def _raise_all(errors: Mapping[str, WeightsError]) -> None:
    """Raise the errors of weights, by a video that has them, if there are any."""
    if len(errors) > 1:
        problems = tuple(f"{video}: {error}" for video, error in errors.items())
        raise ManifestError("weights of several names cannot be used", problems=problems)
    for error in errors.values():
        raise error


def _pin_weights(found: FoundMethod, spelling: str, context: StepContext, *, dry_run: bool) -> WeightsPin:
    # The first version had one method with weights, so its records are found by the spelling alone.
    method = [found.method.name] if found.version else []
    key = context.layout.weights_pin(digest("weights", *method, spelling))
    with _as_damage_of_the_job(_WEIGHTS_REMEDY):
        pinned = committed(context.work, key, WeightsPin)
        if pinned is not None:
            if not dry_run:
                _restore_weights(found, pinned, context)
            return pinned
        resolved = _resolve_weights(found, spelling, context, dry_run=dry_run)
        return resolved if dry_run else commit(context.work, key, resolved)


def _weights_of(found: FoundMethod) -> MethodWeights:
    if found.method.weights is None:
        raise ValueError(f"the method {found.method.name!r} has no weights")
    return found.method.weights


def _restore_weights(found: FoundMethod, pin: WeightsPin, context: StepContext) -> None:
    """Fetch pinned weights again if their copy in the work place is gone."""
    key = context.layout.weights(pin.sha256)
    if _weights_of(found).shipped_file(pin.name) is not None:
        return
    try:
        context.work.head(key)
    except ObjectMissing:
        with context.folder() as folder:
            path = _fetched(_weights_of(found), pin.name, context, folder)
            got = file_sha256(path)
            if got != pin.sha256:
                raise WeightsError(
                    "these weights changed since the job began, and the work place has lost its copy",
                    where=pin.name,
                    expected=f"SHA-256 {pin.sha256}",
                    got=got,
                    remedy="Restore the old file, or use the new one in a job of another name.",
                ) from None
            context.work.put_file(key, path)


def _resolve_weights(found: FoundMethod, spelling: str, context: StepContext, *, dry_run: bool) -> WeightsPin:
    weights = _weights_of(found)
    name = weights.resolve(spelling)
    shipped = weights.shipped_file(name)
    if shipped is not None:
        return WeightsPin(name=name, sha256=file_sha256(shipped), network=weights.network(shipped))
    with context.folder() as folder:
        path = _fetched(weights, name, context, folder)
        network, sha256 = weights.network(path), file_sha256(path)
        if not dry_run:
            context.work.put_file(context.layout.weights(sha256), path)
    return WeightsPin(name=name, sha256=sha256, network=network)


def _fetched(weights: MethodWeights, uri: str, context: StepContext, folder: Path) -> Path:
    """Download the weights of a URI in the form in which they are kept."""
    store, key = context.locate(Uri.parse(uri))
    name = key.rpartition("/")[2]
    # A key may be too long for a file name. A shorter one is kept: an imported checkpoint records it.
    original = folder / (name if len(os.fsencode(name)) <= MAX_NAME_BYTES else name[-MAX_NAME_BYTES // 4 :])
    try:
        store.get_file(key, original)
    except ObjectMissing as error:
        raise weights_not_found(uri, weights) from error
    except StorageError as error:
        raise weights_not_fetched(uri, error) from error
    return weights.prepare(original, folder)
