"""Channel: messages between a process and its child, over a socket. A message has a kind and bytes.

The parent sends a Request and, for each ReadAt, Data. The child sends ReadAt, ReadAhead, and Part any number of times;
then it sends Columns and a Result, or a Failure. Neither side trusts the length that the other states: bytes are taken
as they come, up to a limit.
"""

import socket
import struct
from enum import IntEnum

STATUS = struct.Struct("!i")
"""What the fork server sends on a lease: how the child ended, as os.wait returns it."""
_HEAD = struct.Struct("!BQ")
_READ = struct.Struct("!QQ")
_PIECE_BYTES = 1 << 20


class Kind(IntEnum):
    """What a message is."""

    REQUEST = 1
    """What the child is to do: pickled, since the child trusts its parent."""
    DATA = 2
    """Bytes of the source."""
    READ = 3
    """The child asks for bytes of the source."""
    READ_AHEAD = 4
    """One byte: whether the child reads in order from now on."""
    PART = 5
    """A part of the result, as JSON."""
    COLUMN = 6
    """A column of numbers of the result, without a header."""
    RESULT = 7
    """All else of the result, as JSON; the last message."""
    FAILURE = 8
    """An error, as JSON; the last message."""


MAX_BYTES = {
    Kind.REQUEST: 1 << 34,
    Kind.DATA: 1 << 24,
    Kind.READ: _READ.size,
    Kind.READ_AHEAD: 1,
    Kind.PART: 64,
    Kind.COLUMN: 1 << 30,
    Kind.RESULT: 1 << 28,
    Kind.FAILURE: 1 << 20,
}
"""The longest message of each kind. A column of that length is one of 128 million packets."""


class ChannelClosed(Exception):
    """The process at the other end is gone."""


class InvalidMessage(Exception):
    """The process at the other end sent what no process of this program sends."""


class Channel:
    """One end. It is used by one thread at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def send(self, kind: Kind, data: bytes = b"") -> None:
        """Send one message.

        Raises:
            ChannelClosed: the other process is gone.
        """
        try:
            self._socket.sendall(_HEAD.pack(kind, len(data)))
            self._socket.sendall(data)
        except ConnectionError as error:
            raise ChannelClosed from error

    def receive(self) -> tuple[Kind, bytes]:
        """Wait for the next message.

        Raises:
            ChannelClosed: the other process is gone.
            InvalidMessage: there is no such kind of message, or it is too long.
        """
        number, length = _HEAD.unpack(self._received(_HEAD.size))
        if length > MAX_BYTES.get(number, -1):
            raise InvalidMessage(f"a message of kind {number} and {length} bytes")
        return Kind(number), self._received(length)

    def _received(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            try:
                piece = self._socket.recv(min(length - len(data), _PIECE_BYTES))
            except ConnectionError as error:
                raise ChannelClosed from error
            if not piece:
                raise ChannelClosed
            data += piece
        return bytes(data)


def pack_range(start: int, end: int) -> bytes:
    """The content of a READ message for the bytes [start, end)."""
    return _READ.pack(start, end)


def unpack_range(data: bytes) -> tuple[int, int]:
    """The range that a READ message asks for.

    Raises:
        InvalidMessage: it is none.
    """
    if len(data) != _READ.size:
        raise InvalidMessage(f"a range of {len(data)} bytes")
    start, end = _READ.unpack(data)
    if start > end:
        raise InvalidMessage(f"the range {start} to {end}")
    return start, end
