"""Open a StepContext, with its stores and models, from the picklable JobEnvironment that each process of a job gets."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from slomo_batch.errors import ManifestError, VersionMismatch, WeightsError
from slomo_batch.interpolators.allocator import keep_freed_memory
from slomo_batch.interpolators.method import InterpolatorSpec, Method
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.registry import find_method, open_interpolator
from slomo_batch.records.commits import Machine
from slomo_batch.records.plans import Resolved, VideoPlan
from slomo_batch.serialization import file_sha256
from slomo_batch.settings import Precision
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.scratch import process_scratch
from slomo_batch.steps.upload_records import RecordedUploads
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.shared_folders import FolderProof, check_proof
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from slomo_batch.version import __version__

if TYPE_CHECKING:
    from slomo_batch.interpolators.contract import AnyInterpolator
    from slomo_batch.manifest.schema import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The version of slomo_batch that a process runs; by default this process's."""

    version: str = __version__
    pixel_revision: int = PIXEL_REVISION

    def __str__(self) -> str:
        """For messages."""
        return f"slomo-batch {self.version} (pixel revision {self.pixel_revision})"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnvironment:
    """Where a job keeps its objects and what code it runs, for every process that works on it."""

    work_uri: Uri
    job: str
    s3: S3Options = field(default_factory=S3Options)
    code: Code = field(default_factory=Code)
    """The code of the driver. Every worker must run the same."""
    shared: tuple[FolderProof, ...] = ()
    """What every machine must find in the folders that it shares with the driver."""


def environment_of(manifest: "Manifest") -> JobEnvironment:
    """The environment of a manifest's job."""
    return JobEnvironment(work_uri=Uri.parse(manifest.work), job=manifest.name, s3=manifest.job.storage)


def open_context(environment: JobEnvironment) -> StepContext:
    """Open the context of this process. Stores and models are opened once, and shared by its threads.

    Raises:
        VersionMismatch: the driver runs another version, or another pixel revision, than this process.
        FolderNotShared: this machine does not see a shared folder as the driver does.
    """
    _check_code(environment)
    return _opened_context(environment)


def forget_contexts() -> None:
    """Close what this process keeps of its jobs: their models, and what their stores remember."""
    _opened_context.cache_clear()


def _check_code(environment: JobEnvironment) -> None:
    drivers = getattr(environment, "code", "an older slomo-batch")  # such a driver pickles no code
    if drivers != Code():
        raise VersionMismatch(
            "this machine runs another slomo_batch than the driver",
            expected=str(drivers),
            got=str(Code()),
            remedy="Install the driver's version on every machine.",
        )


@cache
def _opened_context(environment: JobEnvironment) -> StepContext:
    for proof in environment.shared:
        check_proof(proof, partial(locate, s3=environment.s3))
    keep_freed_memory()
    layout = Layout(environment.job)
    uploads = RecordedUploads(_work_store(environment), layout)
    # Where gc lists unfinished uploads, records of them would only double the writes.
    hidden = environment.work_uri.hides_unfinished_uploads
    work = _work_store(environment, uploads if hidden else None)
    scratch = process_scratch()
    return StepContext(
        work=work,
        layout=layout,
        locate=partial(locate, s3=environment.s3, uploads=uploads),
        interpolator=_interpolators(work, layout, scratch),
        machine=_machine,
        scratch=scratch,
    )


def locate(uri: Uri, *, s3: S3Options, uploads: RecordedUploads | None = None) -> tuple[ObjectStore, str]:
    """The store and the key of any URI of the manifest. `uploads` records what is written to the store."""
    return _store(uri.root, s3.of(uri.bucket), uploads), uri.key


def _work_store(environment: JobEnvironment, uploads: RecordedUploads | None = None) -> ObjectStore:
    uri = environment.work_uri
    return _store(uri, environment.s3.of(uri.bucket), uploads)


@cache
def _store(uri: Uri, s3: S3Options, uploads: RecordedUploads | None = None) -> ObjectStore:
    return open_store(StoreSpec(uri=uri, options=s3), uploads)


@cache
def _machine(resolved: Resolved) -> Machine:
    from slomo_batch.interpolators.device import builds, device_name  # noqa: PLC0415 loads torch

    return Machine(host=socket.gethostname(), device=device_name(), builds=builds(resolved.method_version))


def _interpolators(work: ObjectStore, layout: Layout, scratch: Path) -> "Callable[[VideoPlan], AnyInterpolator]":
    """Returns the model that a plan names. Each is opened once; the oldest is closed if there are too many."""
    lock = threading.Lock()
    latest: dict[tuple[object, ...], AnyInterpolator] = {}

    def interpolator(plan: VideoPlan) -> "AnyInterpolator":
        resolved, name = plan.resolved, plan.request.settings.interpolate.method
        key = _class_of(name, resolved)
        with lock:
            if key not in latest:
                method = _planned_method(name, resolved)
                weights = _weights_file(method, resolved, work, layout, scratch) if resolved.weights_sha256 else None
                while len(latest) >= MAX_MODELS:
                    latest.pop(next(iter(latest)))
                latest[key] = open_interpolator(_spec(name, resolved, weights))
            return latest[key]

    return interpolator


MAX_MODELS = 2
"""Models that one process keeps open. Otherwise an archive with many settings would fill the device's memory."""


def _class_of(method: str, resolved: Resolved) -> tuple[str, str, Precision, Fraction, int, int, int, int]:
    return (
        method,
        resolved.weights_sha256,
        resolved.precision,
        resolved.flow_scale,
        resolved.pyramid_levels,
        resolved.threads,
        resolved.batch_px,
        resolved.tile_px,
    )


def _planned_method(name: str, resolved: Resolved) -> Method:
    """The method that a plan names, if this machine has the version that the video was planned with."""
    try:
        found = find_method(name)
    except ManifestError as error:
        raise VersionMismatch(
            error.what, remedy=f"Install {resolved.method_version or 'its package'} on every machine."
        ) from error
    if found.version != resolved.method_version:
        raise VersionMismatch(
            f"this machine has another version of the interpolation method {name!r} than the video was planned with",
            expected=resolved.method_version,
            got=found.version,
            remedy="Install the same version of its package on every machine.",
        )
    return found.method


def _spec(method: str, resolved: Resolved, weights: Path | None) -> InterpolatorSpec:
    return InterpolatorSpec(
        method=method,
        weights_path=str(weights or ""),
        precision=resolved.precision,
        flow_scale=resolved.flow_scale,
        pyramid_levels=resolved.pyramid_levels,
        threads=resolved.threads,
        batch_px=resolved.batch_px,
        tile_px=resolved.tile_px,
    )


def _weights_file(method: Method, resolved: Resolved, work: ObjectStore, layout: Layout, scratch: Path) -> Path:
    """The weights that the job pinned: from the method's package if it ships them, else from the work store."""
    shipped = method.weights.shipped_file(resolved.weights_name) if method.weights else None
    if shipped is not None and file_sha256(shipped) == resolved.weights_sha256:
        return shipped
    path, key, got = scratch / f"{resolved.weights_sha256}.safetensors", layout.weights(resolved.weights_sha256), ""
    for _ in range(2):  # only the local copy may be damaged, and the stored one the only other copy
        if not path.exists():
            work.get_file(key, path)
        got = file_sha256(path)
        if got == resolved.weights_sha256:
            return path
        path.unlink()
    work.delete([key])
    raise WeightsError(
        "the weights in the work store differ from those the job began with",
        where=work.uri(key),
        expected=resolved.weights_sha256,
        got=got,
        remedy=f"Run again: they are fetched again from {resolved.weights_name}.",
    )
