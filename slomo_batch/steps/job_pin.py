"""Pin a job: its first run decides what `auto` means for all its videos, and every later run follows it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slomo_batch.errors import JobDamaged, ManifestError, ObjectMissing, StorageError, WeightsError, WorkDamaged
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.manifest.output_names import MAX_NAME_BYTES
from slomo_batch.plan.job_pin import Basis, JobPin, WeightsPin
from slomo_batch.records import VideoRequest
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
    """Pin the job: its basis, and the weights that each value of `interpolate.weights` in its videos means.

    A dry run writes nothing.

    Raises:
        JobDamaged: the record of a pinned name is damaged.
        WeightsError: the weights of one name cannot be used.
        ManifestError: the weights of several names cannot be used; lists each problem, and a video that has it.
    """
    wanted_by = {
        request.settings.interpolate.weights: request.source.uri
        for request in requests
        if request.settings.interpolate.method == "superslomo"
    }
    return JobPin(
        pixel_revision=PIXEL_REVISION,
        precision=basis.precision,
        threads=basis.threads,
        nvenc_works=basis.nvenc_works,
        weights=_pin_all_weights(wanted_by, context, dry_run=dry_run),
    )


def _pin_all_weights(wanted_by: Mapping[str, str], context: StepContext, *, dry_run: bool) -> dict[str, WeightsPin]:
    pins: dict[str, WeightsPin] = {}
    errors: dict[str, WeightsError] = {}
    for spelling in sorted(wanted_by):
        try:
            pins[spelling] = _pin_weights(spelling, context, dry_run=dry_run)
        except WeightsError as error:
            errors[spelling] = error
    if len(errors) > 1:
        problems = (f"{wanted_by[spelling]}: {refused}" for spelling, refused in errors.items())
        raise ManifestError("weights of several names cannot be used", problems=tuple(problems))
    for refused in errors.values():
        raise refused
    return pins


def _pin_weights(spelling: str, context: StepContext, *, dry_run: bool) -> WeightsPin:
    key = context.layout.weights_pin(digest("weights", spelling))
    with _as_damage_of_the_job(_WEIGHTS_REMEDY):
        found = committed(context.work, key, WeightsPin)
        if found is not None:
            if not dry_run:
                _restore_weights(found, context)
            return found
        resolved = _resolve_weights(spelling, context, dry_run=dry_run)
        return resolved if dry_run else commit(context.work, key, resolved)


def _restore_weights(pin: WeightsPin, context: StepContext) -> None:
    """Fetch pinned weights again if their copy in the work place is gone."""
    key = context.layout.weights(pin.sha256)
    if pin.name in shipped_names():
        return
    try:
        context.work.head(key)
    except ObjectMissing:
        with context.folder() as folder:
            path = _fetched(pin.name, context, folder)
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


def _resolve_weights(spelling: str, context: StepContext, *, dry_run: bool) -> WeightsPin:
    from slomo_batch.interpolators.superslomo.weights import load  # noqa: PLC0415 loads torch

    name = resolve_name(spelling)
    if name in shipped_names():
        return WeightsPin(name=name, sha256=file_sha256(shipped_file(name)), network=load(shipped_file(name)).network)
    with context.folder() as folder:
        path = _fetched(name, context, folder)
        network, sha256 = load(path).network, file_sha256(path)
        if not dry_run:
            context.work.put_file(context.layout.weights(sha256), path)
    return WeightsPin(name=name, sha256=sha256, network=network)


def _fetched(uri: str, context: StepContext, folder: Path) -> Path:
    """Download the weights of a URI as a .safetensors file; a public checkpoint is imported."""
    from slomo_batch.interpolators.superslomo.weights import import_checkpoint  # noqa: PLC0415 loads torch

    store, key = context.locate(Uri.parse(uri))
    name = key.rpartition("/")[2]
    # A key may be too long for a file name. A shorter one is kept: an imported checkpoint records it.
    original = folder / (name if len(os.fsencode(name)) <= MAX_NAME_BYTES else name[-MAX_NAME_BYTES // 4 :])
    try:
        store.get_file(key, original)
    except ObjectMissing as error:
        raise WeightsError(
            "there are no such weights",
            where=uri,
            remedy=f"Name a file, or shipped weights: {', '.join(shipped_names())}.",
        ) from error
    except StorageError as error:
        raise WeightsError("the weights cannot be fetched", where=uri, got=str(error)) from error
    if original.suffix == ".safetensors":
        return original
    imported = folder / "imported.safetensors"
    import_checkpoint(original, imported)
    return imported
