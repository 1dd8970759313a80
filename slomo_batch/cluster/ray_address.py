"""Find the Ray cluster that `auto` refers to, check that it answers, and advise if a local Ray cannot start.

Ray retries an address for many minutes before it gives up, and a machine that goes down leaves the address file of
`ray start` behind, so an address is checked here first. This module does not import Ray.
"""

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCAL = "local"
ANSWER_S = 5.0
"""Time-out for the head of a cluster that was found automatically."""
LONGEST_SOCKET = 107
"""Maximum length of the path of a Unix socket on Linux, in bytes."""
LEAST_FREE_BYTES = 50_000_000
"""Free disk space below which a local Ray may not start."""

DELETE_IT = "If that cluster is gone, delete the file; `ray stop` does it too."

_ADDRESS_FILE = "ray_current_cluster"
"""Name of the file in which `ray start` stores the address, in its temporary folder."""
_SOCKET_BELOW_TEMP = "/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
_HOST_AND_PORT = re.compile(r"\[?(?P<host>[^/\[\]]+)\]?:(?P<port>[0-9]+)")
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""First bytes of a gRPC client, with empty settings."""
_SETTINGS_FRAME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RayChoice:
    """The address that `auto` resolves to."""

    address: str
    """host:port of a cluster, or `local`."""
    named_by: str = ""
    """RAY_ADDRESS, or the path of the file with the address; empty for `local`."""
    silent: tuple[str, ...] = ()
    """A message for each cluster that does not answer: the file with its address, the address and the reason."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user if a local Ray is used instead of a cluster."""
        return tuple(f"{silent}: a local Ray is used. {DELETE_IT}" for silent in self.silent)

    @property
    def init_arguments(self) -> dict[str, Any]:
        """Arguments of ray.init. For a cluster from a file, Ray finds the address itself, since it then also reads the
        token."""
        if not self.named_by.startswith("/"):
            return {"address": self.address}
        folder = Path(self.named_by).parent
        return {} if folder == temp_folder() else {"_temp_dir": str(folder)}


def choose() -> RayChoice:
    """Choose the cluster in RAY_ADDRESS, else the first one started on this machine that answers, else a local Ray."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named not in {"", "auto"}:
        return RayChoice(address=named, named_by="RAY_ADDRESS")
    silent = []
    for file in _address_files():
        address = _read(file)
        if not address:
            continue
        try:
            check_answers(address, ANSWER_S)
        except OSError as error:
            silent.append(f"{file} names a Ray cluster at {address} that does not answer ({first_line(error)})")
        else:
            return RayChoice(address=address, named_by=str(file))
    return RayChoice(address=LOCAL, silent=tuple(silent))


def check_cluster(address: str) -> None:
    """Check that the cluster at `address` answers; if empty, the one started on this machine.

    Raises:
        OSError: it does not answer.
    """
    choice = RayChoice(address=address) if address else choose()
    if choice.silent:
        raise ConnectionError(f"{choice.silent[0]}. {DELETE_IT}")
    check_answers(choice.address, ANSWER_S)


def check_answers(address: str, within_s: float) -> None:
    """Check that a gRPC server, such as Ray, answers at host:port. Other forms of address are not checked.

    Raises:
        OSError: the connection is refused, there is no answer within `within_s` seconds, or it is another kind of
        server.
    """
    found = _HOST_AND_PORT.fullmatch(address)
    if not found:
        return
    with socket.create_connection((found["host"], int(found["port"])), within_s) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in {"", "0"}:
            return
        connection.sendall(_HTTP2_PREFACE)
        answer = connection.recv(9)
    if len(answer) < 4 or answer[3] != _SETTINGS_FRAME:
        raise ConnectionError("another kind of server answers there")


def first_line(error: Exception) -> str:
    """The first line of an error, without its period."""
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def temp_folder() -> Path:
    """The folder of a Ray started here: below RAY_TMPDIR, TMPDIR or /tmp, like Ray itself."""
    return Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp") / "ray"  # noqa: S108 Ray's own


def start_advice() -> str:
    """Advice if a local Ray cannot start; "" if its folder is not the reason."""
    folder = temp_folder()
    length = len(os.fsencode(str(folder) + _SOCKET_BELOW_TEMP))
    if length > LONGEST_SOCKET:
        too_long = length - LONGEST_SOCKET
        return (
            f"Set RAY_TMPDIR to a shorter folder, such as /tmp: {folder} is {too_long} bytes too long for its sockets."
        )
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        return f"Set RAY_TMPDIR to a short folder that you own: {existing} belongs to another user or is read-only."
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE_BYTES:
        return f"Free disk space, or set RAY_TMPDIR to a folder on another disk: {existing} has {free:,} bytes free."
    return ""


def dashboard_advice(address: str, reason: str) -> str:
    """Advice if a cluster's dashboard does not answer at `address`, for which `reason` was given."""
    if not address:
        return (
            "Pass the address of a cluster's dashboard with --address, such as http://127.0.0.1:8265, or set "
            "cluster.address in the manifest."
        )
    if _HOST_AND_PORT.fullmatch(address) and "token" not in reason:
        return f"If that is a dashboard, write --address http://{address}."
    if "Failed to connect" in reason:
        return (
            "A dashboard listens on its head only, unless `ray start` had --dashboard-host: open a tunnel with `ray "
            "dashboard cluster.yaml` or `ssh -N -L 8265:127.0.0.1:8265 HEAD`, and pass --address http://127.0.0.1:8265."
        )
    return "Check --address (the dashboard, http://HEAD:8265), RAY_AUTH_MODE=token and the token file."


def _address_files() -> Iterator[Path]:
    """Files in which `ray start` may have stored an address: in Ray's default folders, and in those of running Rays."""
    folders = [temp_folder(), Path("/tmp/ray"), *_folders_in_use()]  # noqa: S108 Ray's own default
    yield from dict.fromkeys(folder / _ADDRESS_FILE for folder in folders)


def _folders_in_use() -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if arguments[0].endswith(b"/raylet"):
                flags = (argument.partition(b"=") for argument in arguments)
                yield from (Path(os.fsdecode(value)) for flag, _, value in flags if flag == b"--temp_dir" and value)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
