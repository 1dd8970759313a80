"""What a child process would do if a file had taken control of it. Each function is a child's work, or a part of it."""

import ctypes
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from slomo_batch.media.chunk_cutter import ChunkArchive, chunk_path
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.split import SourceSlice, SplitPart
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.sandbox.answers import Answer
from slomo_batch.sandbox.channel import Channel, Kind
from slomo_batch.sandbox.child import ServedReader
from slomo_batch.sandbox.work import Parts
from slomo_batch.serialization import to_json
from slomo_batch.timeline.index import VideoIndex


def answered(reader: RangeReader, question: Callable[[], Any]) -> Parts:
    """Answer with what the function returns, or with the operating system's number of its error."""
    yield from ()
    try:
        return Answer(record=to_json(question()))
    except OSError as error:
        return Answer(record=to_json(error.errno))


# ---- questions -----------------------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """All variables, as the kernel has them too."""
    at_start = Path("/proc/self/environ").read_bytes().decode()
    return {**dict(os.environ), "": at_start}


def open_socket(family: int) -> str:
    """Open a socket."""
    with socket.socket(socket.AddressFamily(family)):
        return "open"


def read(path: Path) -> str:
    """Read a file, or list a folder."""
    return ",".join(one.name for one in path.iterdir()) if path.is_dir() else path.read_bytes().decode()


def write(path: Path) -> str:
    """Write a file."""
    return str(path.write_text("written"))


def kill(pid: int) -> str:
    """Send SIGKILL."""
    os.kill(pid, signal.SIGKILL)
    return "killed"


def read_memory(pid: int) -> str:
    """Look into another process."""
    return str(len(Path(f"/proc/{pid}/environ").read_bytes()))


def run_program() -> str:
    """Become another program."""
    os.execv("/bin/true", ["true"])


def fork() -> int:
    """Make a process."""
    pid = os.fork()
    if not pid:
        os._exit(0)
    return pid


def start_thread() -> str:
    """Make a thread, as decoders do."""
    ran: list[str] = []
    thread = threading.Thread(target=ran.append, args=("ran",))
    thread.start()
    thread.join()
    return ran[0]


def end_by(number: int) -> None:
    """End this process by a signal."""
    signal.raise_signal(number)


def crash() -> None:
    """Read memory that is not there, as a faulty decoder does."""
    ctypes.string_at(1)


def take_memory() -> int:
    """Take a terabyte."""
    return len(bytearray(1 << 40))


def spins(reader: RangeReader) -> Parts:
    """Compute for ever."""
    yield reader.size_bytes
    while True:
        pass


def fails(reader: RangeReader, error: Exception) -> Parts:
    """Raise the error."""
    yield from ()
    raise error


# ---- messages ------------------------------------------------------------------------------------------------------


def sends(reader: RangeReader, kind: int, data: bytes) -> Parts:
    """Send a message that no child of this program sends."""
    yield from ()
    _channel(reader).send(kind, data)  # type: ignore[arg-type]  # no Kind
    return Answer(record=b"null")


def reads(reader: RangeReader, start: int, end: int) -> Parts:
    """Ask for these bytes of the source."""
    yield from ()
    channel = _channel(reader)
    channel.send(Kind.READ, start.to_bytes(8, "big") + end.to_bytes(8, "big"))
    return Answer(record=to_json(len(channel.receive()[1])))


def answers(reader: RangeReader, record: bytes, columns: Sequence[bytes], **_: object) -> Parts:
    """Answer this, whatever was asked."""
    yield from ()
    return Answer(record=record, columns=tuple(columns))


def _channel(reader: RangeReader) -> Channel:
    assert isinstance(reader, ServedReader)
    return reader._channel


# ---- files ---------------------------------------------------------------------------------------------------------


def split_into_links(  # noqa: PLR0917 - one job's nouns in their order
    reader: RangeReader,
    name: str,
    facts: VideoFacts,
    index: VideoIndex,
    slices: Sequence[SourceSlice],
    folder: Path,
    *,
    secret: Path,
    make: Callable[[Path, Path], None],
) -> Generator[SplitPart]:
    """Make links to a secret in place of chunk archives."""
    for part in slices:
        path = chunk_path(folder, part.index)
        make(secret, path)
        yield ChunkArchive(index=part.index, path=path)


def link_softly(secret: Path, path: Path) -> None:
    """Make a symbolic link, or report an archive without one."""
    with suppress(OSError):
        path.symlink_to(secret)


def link_firmly(secret: Path, path: Path) -> None:
    """Make a hard link, or report an archive without one."""
    with suppress(OSError):
        path.hardlink_to(secret)
