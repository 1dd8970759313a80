"""Confine this process, which is to read a stranger's file: it loses privileges, files, network and other processes.

What the kernel does not support is left out; `Confinement` says what is in force. The limits of memory and CPU time
always are, and the environment never has credentials.
"""

import ctypes
import os
import resource
import signal
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slomo_batch.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CAPABILITIES_VERSION = 0x20080522
_PROJECT = Path(__file__).parents[1]
_READABLE = (
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    _PROJECT,
    *map(Path, ("/usr/lib", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")),
    *map(Path, ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")),
    *map(Path, ("/dev/null", "/dev/urandom")),
)
"""What Python and FFmpeg may load or look at while they read a file: libraries, and the machine's CPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What is in force in a child process on this machine."""

    denies_system_calls: bool
    """Whether a seccomp filter denies the network and other processes."""
    landlock: int
    """The version of Landlock that restricts files; 0 if none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What a child process may use."""

    memory_bytes: int
    """Address space."""
    cpu_s: int
    """CPU seconds of all its threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPlaces:
    """The files of a child process."""

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    """Folders in which it may make and change files. Without any, it cannot write to any file."""


def confine(limits: ChildLimits, places: ChildPlaces) -> Confinement:
    """Confine this process, which has one thread, for good."""
    _prefer_for_killing()
    _limit(limits, writes=bool(places.writable))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _drop_capabilities()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    has_landlock = landlock.version() > 0 and _succeeds(
        lambda: landlock.restrict_files(readable=(*_READABLE, *places.readable), writable=places.writable)
    )
    has_seccomp = seccomp.is_supported() and _succeeds(seccomp.deny_system_calls)
    return Confinement(denies_system_calls=has_seccomp, landlock=landlock.version() if has_landlock else 0)


def _succeeds(restrict: Callable[[], None]) -> bool:
    try:
        restrict()
    except OSError:
        return False
    return True


def _prefer_for_killing() -> None:
    """If the machine runs out of memory, the kernel kills this process before any that holds a job."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit(limits: ChildLimits, *, writes: bool) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)
    _lower(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)  # the second kills; the first says why
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _lower(name: int, soft: int, hard: int) -> None:
    present = resource.getrlimit(name)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    resource.setrlimit(name, (soft, hard))


def _drop_capabilities() -> None:
    """A container's root has some; they would let it read files of others."""
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    ctypes.CDLL(None, use_errno=True).capset(head, none)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
