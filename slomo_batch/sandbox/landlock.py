"""Restrict this process to a few files for good, by Landlock, an access control of Linux that needs no privileges.

Constants and structures are those of the kernel's `linux/landlock.h`.
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 7, 1 << 8, 1 << 14
_READ = _READ_FILE | _READ_DIR
_CHANGE = _READ | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
"""The rights that a rule for something other than a folder may give."""
_NUM_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Rights to files that each version of Landlock knows; later ones know 16."""
_ALL_TCP, _ALL_SCOPES = 3, 3


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """The version of Landlock of this kernel; 0 if it has none, or it is not enabled."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_GET_VERSION))
    except OSError:
        return 0


def restrict_files(*, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Deny this process all files but those in `readable`, which may be read, and in `writable`, which may be changed.

    Folders count with all that is below; places that do not exist are left out. Files that are open stay open. From
    version 4 TCP is denied too, from version 6 signals and abstract sockets of other processes. It cannot be taken
    back. The process must not be able to gain privileges (`PR_SET_NO_NEW_PRIVS`).

    Raises:
        OSError: the kernel does not support it.
    """
    known = version()
    handled = (1 << _NUM_RIGHTS.get(known, 16)) - 1
    attributes = _Ruleset(handled, _ALL_TCP if known >= 4 else 0, _ALL_SCOPES if known >= 6 else 0)
    length = 24 if known >= 6 else 16 if known >= 4 else 8
    rules = _call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(length), ctypes.c_uint32(0))
    try:
        for rights, places in ((_READ, readable), (_CHANGE, writable)):
            for place in places:
                with suppress(FileNotFoundError):
                    _add_rule(rules, place, rights & handled)
        _call(_RESTRICT_SELF, rules, ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _add_rule(rules: int, place: Path, rights: int) -> None:
    opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _Rule(rights if place.is_dir() else rights & _OF_FILES, opened)
        _call(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
