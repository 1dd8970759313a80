"""Deny system calls to this process for good, by a seccomp filter: the network, other processes, and the like.

A denied call fails with EPERM. What a filter cannot see are the paths of files: those are Landlock's (`landlock`).
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator, Mapping

DENIED: Mapping[str, tuple[int, int | None]] = {
    # the network
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    # other programs and processes
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    # memory, messages and keys that processes of one user share
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # what Landlock does not cover: attributes of files, by their path
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "truncate": (76, 45),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    # parts of the kernel with a large surface, or that carry out calls past a filter
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "open_by_handle_at": (304, 265),
}
"""The numbers of each denied call on x86-64 and on ARM64; None where the architecture lacks it."""

_ARCHITECTURES: Mapping[str, tuple[int, int]] = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""The column of each architecture in the tables, and the kernel's number of it."""
_CLONE, _CLONE3, _PRCTL, _PRLIMIT64, _TGKILL = (56, 220), (435, 435), (157, 167), (302, 261), (234, 131)
_CLONE_THREAD = 0x10000
_X32 = 0x40000000
"""Bit of the calls of another interface of x86-64, which the table does not name."""
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _FILTER_MODE = 1, 22, 2

_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CALL_AT, _ARCHITECTURE_AT, _ARGUMENT_AT = 0, 4, 16
"""Offsets in what a filter sees of a call: its number, the architecture, the low half of its first argument."""
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_DENY = _FAIL | errno.EPERM

Instruction = tuple[int, int, int, int]
"""Of a filter: the code, how many instructions to skip if true and if false, and the operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def is_supported() -> bool:
    """Whether the calls of this machine's architecture are known here."""
    return platform.machine() in _ARCHITECTURES


def deny_system_calls() -> None:
    """Deny the calls of the table to this process and its threads. It cannot be taken back.

    The process must not be able to gain privileges (`PR_SET_NO_NEW_PRIVS`).

    Raises:
        OSError: the kernel does not support it.
    """
    instructions = b"".join(struct.pack("=HBBI", *one) for one in _instructions(platform.machine(), os.getpid()))
    program = _Program(len(instructions) // 8, instructions)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _instructions(machine: str, pid: int) -> Iterator[Instruction]:
    column, architecture = _ARCHITECTURES[machine]
    yield _LOAD, 0, 0, _ARCHITECTURE_AT
    yield _EQUAL, 1, 0, architecture
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _CALL_AT
    if machine == "x86_64":
        yield _AT_LEAST, 0, 1, _X32
        yield _RETURN, 0, 0, _DENY
    for numbers in DENIED.values():
        if (number := numbers[column]) is not None:
            yield _EQUAL, 0, 1, number
            yield _RETURN, 0, 0, _DENY
    yield _EQUAL, 0, 1, _CLONE3[column]  # its flags are out of sight: the C library then takes clone
    yield _RETURN, 0, 0, _FAIL | errno.ENOSYS
    yield from _allowed_if(_CLONE[column], _HAS_BITS, _CLONE_THREAD)
    yield from _allowed_if(_TGKILL[column], _EQUAL, pid)
    yield from _allowed_if(_PRLIMIT64[column], _EQUAL, 0)
    yield from _denied_if(_PRCTL[column], _PR_SET_PDEATHSIG)
    yield _RETURN, 0, 0, _ALLOW


def _allowed_if(number: int, condition: int, operand: int) -> Iterator[Instruction]:
    """Allow this call only if its first argument fulfills the condition."""
    yield _EQUAL, 0, 4, number
    yield _LOAD, 0, 0, _ARGUMENT_AT
    yield condition, 1, 0, operand
    yield _RETURN, 0, 0, _DENY
    yield _RETURN, 0, 0, _ALLOW


def _denied_if(number: int, operand: int) -> Iterator[Instruction]:
    """Deny this call if its first argument is `operand`."""
    yield _EQUAL, 0, 4, number
    yield _LOAD, 0, 0, _ARGUMENT_AT
    yield _EQUAL, 0, 1, operand
    yield _RETURN, 0, 0, _DENY
    yield _RETURN, 0, 0, _ALLOW
