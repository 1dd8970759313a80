"""Doctor: check what a job needs of this machine, and say what to fix."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from slomo_batch.cluster import ray_address
from slomo_batch.errors import SlomoError
from slomo_batch.interpolators.device_report import DeviceReport, Gpu, report_device
from slomo_batch.manifest.output_names import default_work
from slomo_batch.media.codec_report import CodecReport, report_codecs
from slomo_batch.report.units import counted, size
from slomo_batch.sandbox.confined import confinement
from slomo_batch.sandbox.confinement import Confinement
from slomo_batch.sandbox.conversation import SWITCH, is_off
from slomo_batch.steps.pair_pool import available_memory
from slomo_batch.storage.capability import check_access, check_put_if_absent
from slomo_batch.storage.glob import Glob, literal_folder
from slomo_batch.storage.s3_credentials import credentials_source
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.state_folder import state_folder
from slomo_batch.uri import S3_SCHEME, Uri
from slomo_batch.version import __version__
from slomo_batch.wiring import locate

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest

LITTLE_MEMORY = 4 * 10**9
"""Bytes: a worker of 1920x1080 in fp32 takes about as much with its libraries."""
LITTLE_DISK = 10 * 10**9
FULL_DISK = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one check."""

    level: Literal["ok", "warning", "fault"]
    """warning: slower or less capable than it could be; fault: jobs fail."""
    subject: str
    text: str
    remedy: str = ""


def examine(places: tuple[str, ...] = (), manifest: "Manifest | None" = None) -> Iterator[Finding]:
    """Yield the answer of each check.

    `places`: folders or s3:// prefixes to which a job is to write. Those of the manifest are tested too, with its
    storage settings, and whether its inputs on S3 can be read.
    """
    options = manifest.job.storage if manifest else S3Options()
    places = (*places, *(_written_by(manifest) if manifest else ()))
    yield Finding(level="ok", subject="slomo_batch", text=f"version {__version__}")
    device = report_device()
    yield from device_findings(device, num_cpus=len(os.sched_getaffinity(0)))
    yield from codec_findings(report_codecs(), has_gpu=bool(device.gpus))
    yield _sandbox()
    yield memory_finding(available_memory())
    yield from _disks()
    yield _ray()
    yield _credentials(is_needed=any(not Uri.parse(place).is_local for place in places))
    for place in places:
        yield _storage(place, options)
        yield from _versions(place, options)
    for spec in manifest.inputs if manifest else ():
        if spec.uri.startswith(S3_SCHEME):
            yield _input(spec.uri, options)


# ---- device and codecs ---------------------------------------------------------------------------------------------


def device_findings(found: DeviceReport, *, num_cpus: int) -> Iterator[Finding]:
    """Yield what there is to say about CPU and GPUs."""
    text = f"{counted(num_cpus, 'core')}, torch {found.torch} uses {found.cpu_capability}"
    if found.cpu_capability in {"DEFAULT", "NO AVX"}:
        remedy = "Use a CPU with AVX2: without it, torch is several times slower."
        yield Finding(level="warning", subject="CPU", text=text, remedy=remedy)
    else:
        yield Finding(level="ok", subject="CPU", text=text)
    if found.gpus:
        yield from (_gpu_finding(found, gpu) for gpu in found.gpus)
    elif found.has_driver:
        why = f"torch was built for CUDA {found.cuda}" if found.cuda else "torch was built without CUDA"
        remedy = (
            "Update the driver of the GPU, or install a build of torch for its CUDA version."
            if found.cuda
            else "Install the CUDA build of torch: https://pytorch.org/get-started/locally."
        )
        text = f"a driver is loaded, but torch finds no GPU ({why})"
        yield Finding(level="fault", subject="GPU", text=text, remedy=remedy)
    else:
        yield Finding(level="ok", subject="GPU", text=f"none; frames are made on the CPU in {found.precision}")


def _gpu_finding(found: DeviceReport, gpu: Gpu) -> Finding:
    major, minor = gpu.capability
    text = f"{gpu.name}, {size(gpu.memory_bytes)}, compute capability {major}.{minor}, CUDA {found.cuda}"
    if gpu.is_supported:
        return Finding(level="ok", subject="GPU", text=f"{text}, {found.precision}")
    remedy = "Install a build of torch that supports it: https://pytorch.org/get-started/previous-versions."
    return Finding(level="fault", subject="GPU", text=f"{text}: this build of torch does not support it", remedy=remedy)


def codec_findings(found: CodecReport, *, has_gpu: bool) -> Iterator[Finding]:
    """Yield what there is to say about encoders and decoders."""
    text = f"PyAV {found.pyav} with FFmpeg {found.ffmpeg}"
    missing = (*found.missing_encoders, *found.missing_decoders)
    if missing:
        remedy = "Install the wheel of PyAV: pip install --force-reinstall --only-binary av av."
        level: Literal["warning", "fault"] = "fault" if found.missing_encoders else "warning"
        yield Finding(level=level, subject="codecs", text=f"{text} lacks {', '.join(missing)}", remedy=remedy)
    else:
        yield Finding(level="ok", subject="codecs", text=f"{text} has all encoders and the common decoders")
    if found.nvenc:
        yield Finding(level="ok", subject="NVENC", text=", ".join(found.nvenc))
    elif has_gpu:
        remedy = "Ignore this if the GPU has no encoder, like some for data centers. Otherwise update its driver."
        text = "no encoder works; outputs are encoded on the CPU"
        yield Finding(level="warning", subject="NVENC", text=text, remedy=remedy)
    else:
        yield Finding(level="ok", subject="NVENC", text="none; outputs are encoded on the CPU")


# ---- the processes that read sources -------------------------------------------------------------------------------


def _sandbox() -> Finding:
    try:
        return sandbox_finding(confinement(), is_off=is_off())
    except SlomoError as error:
        return Finding(level="fault", subject="sandbox", text=str(error))


def sandbox_finding(found: Confinement, *, is_off: bool) -> Finding:
    """Return what there is to say about the processes that read sources."""
    if is_off:
        text = f"{SWITCH}=off: sources are read in the process that has the credentials"
        return Finding(level="warning", subject="sandbox", text=text, remedy=f"Unset {SWITCH}.")
    missing = {
        "network and other processes (seccomp)": not found.denies_system_calls,
        "files (Landlock)": not found.landlock,
    }
    if any(missing.values()):
        lacks = " and ".join(what for what, is_missing in missing.items() if is_missing)
        text = f"sources are read in processes without credentials, but this kernel cannot deny them {lacks}"
        remedy = "Use Linux 5.13 or later on x86-64 or ARM64, with landlock in CONFIG_LSM or the kernel's lsm= option."
        return Finding(level="warning", subject="sandbox", text=text, remedy=remedy)
    text = "sources are read in processes without credentials, network (seccomp) and your files"
    return Finding(level="ok", subject="sandbox", text=f"{text} (Landlock {found.landlock})")


# ---- memory and disk -----------------------------------------------------------------------------------------------


def memory_finding(num_bytes: int) -> Finding:
    """Return what there is to say about the memory that is free."""
    if num_bytes >= LITTLE_MEMORY:
        return Finding(level="ok", subject="memory", text=f"{size(num_bytes)} available")
    remedy = "Close other programs: a job can run out of memory on large pictures."
    return Finding(level="warning", subject="memory", text=f"only {size(num_bytes)} available", remedy=remedy)


def _disks() -> Iterator[Finding]:
    yield disk_finding("disk, TMPDIR", Path(tempfile.gettempdir()))
    folder = state_folder()
    if folder is None:
        text = "there is no writable state folder; convert works beside its output"
        yield Finding(level="warning", subject="disk, state", text=text, remedy="Set XDG_STATE_HOME to a folder.")
    else:
        yield disk_finding("disk, state", folder)


def disk_finding(subject: str, folder: Path) -> Finding:
    """Return what there is to say about the disk of a folder that need not exist."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(nearest).free
    text = f"{size(free)} free in {folder}"
    remedy = f"Free some space, or set {'TMPDIR' if 'TMPDIR' in subject else 'XDG_STATE_HOME'} to another disk."
    if free < FULL_DISK:
        return Finding(level="fault", subject=subject, text=text, remedy=remedy)
    if free < LITTLE_DISK:
        return Finding(level="warning", subject=subject, text=text, remedy=remedy)
    return Finding(level="ok", subject=subject, text=text)


# ---- Ray and storage -----------------------------------------------------------------------------------------------


def _ray() -> Finding:
    choice = ray_address.choose()
    text = f"version {version('ray')}"
    if choice.silent:
        return Finding(level="warning", subject="Ray", text=f"{text}; {choice.silent[0]}", remedy=ray_address.DELETE_IT)
    if choice.address == ray_address.LOCAL:
        return Finding(level="ok", subject="Ray", text=f"{text}; no cluster here, jobs start a local Ray")
    try:
        ray_address.check_cluster(choice.address)
    except OSError as error:
        text = f"{text}; {choice.named_by} names {choice.address}, which does not answer ({error})"
        return Finding(
            level="fault", subject="Ray", text=text, remedy=f"Start that cluster, or unset {choice.named_by}."
        )
    return Finding(level="ok", subject="Ray", text=f"{text}; cluster at {choice.address}")


def _credentials(*, is_needed: bool) -> Finding:
    source = credentials_source()
    if source:
        return Finding(level="ok", subject="S3", text=f"credentials found ({source})")
    remedy = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine a role."
    if is_needed:
        return Finding(level="fault", subject="S3", text="no credentials", remedy=remedy)
    return Finding(level="ok", subject="S3", text="no credentials; only s3:// locations need them")


def _written_by(manifest: "Manifest") -> list[str]:
    """The work place of a manifest and the folder of its outputs. A folder that a run would create counts as its
    nearest parent that exists."""
    found = []
    for text in (manifest.work, default_work(manifest.output.uri).rpartition("/")[0] or "."):
        uri = Uri.parse(text)
        found.append(str(next(one for one in (Path(uri), *Path(uri).parents) if one.exists())) if uri.is_local else uri)
    return list(dict.fromkeys(found))


def _input(text: str, options: S3Options) -> Finding:
    glob = Glob.parse(text)
    try:
        store, key = locate(Uri(f"{glob.root}/{literal_folder(glob.pattern)}.slomo-doctor"), s3=options)
        check_access(store, key, write=False)
    except SlomoError as error:
        return Finding(level="fault", subject="storage", text=str(error))
    return Finding(level="ok", subject="storage", text=f"{text}: can be read")


def _storage(place: str, options: S3Options) -> Finding:
    """Write, read and delete objects below a place, with the same checks that a run makes of its work place.

    The objects have a suffix by which the policies of docs/aws let them be deleted, as those of a run.
    """
    uri = Uri.parse(f"{place.rstrip('/')}/.slomo-doctor-{uuid4().hex}.probe")
    if uri.is_local and not Path(uri.root).is_dir():
        return Finding(level="fault", subject="storage", text=f"{place}: no such folder", remedy="Create it.")
    try:
        store, key = locate(uri, s3=options)
        check_access(store, key, write=True)
        check_put_if_absent(store, lambda random: f"{key.removesuffix('.probe')}-{random}.probe")
    except SlomoError as error:
        return Finding(level="fault", subject="storage", text=str(error))
    return Finding(level="ok", subject="storage", text=f"{place}: can be written to, and conditional writes are safe")


def _versions(place: str, options: S3Options) -> Iterator[Finding]:
    from slomo_batch.storage import old_versions  # noqa: PLC0415 loads boto3

    uri = Uri.parse(place)
    with suppress(SlomoError):  # the check before reports it
        if old_versions.keeps_old_versions(uri, options):
            text = f"{place}: as a work place, {old_versions.NOTE}"
            yield Finding(level="warning", subject="storage", text=text, remedy=old_versions.REMEDY)
