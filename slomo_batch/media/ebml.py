"""Elements of EBML, of which Matroska and WebM files consist."""

import io
from collections.abc import Iterator
from typing import BinaryIO

_MOST_HEAD_BYTES = 12
"""An id of four bytes, and a size of eight."""


def element(ebml_id: int, data: bytes) -> bytes:
    """An element: its id, the size of its data, whose first bit set marks how many bytes it takes, and its data."""
    length = next(length for length in range(1, 9) if len(data) < (1 << 7 * length) - 1)
    return _bytes(ebml_id) + (len(data) | 1 << 7 * length).to_bytes(length, "big") + data


def number(ebml_id: int, value: int) -> bytes:
    """An element that holds an unsigned number."""
    return element(ebml_id, _bytes(value))


def elements_in(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and data of the elements that follow each other in `data`; see `file_elements`."""
    for ebml_id, start, end in file_elements(io.BytesIO(data), 0, len(data)):
        yield ebml_id, data[start:end]


def file_elements(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield id, start and end of the data of the elements that follow each other between two places of a file.

    Raises:
        ValueError: there is no element at one of these places.
    """
    while at < end:
        file.seek(at)
        head = file.read(_MOST_HEAD_BYTES)
        ebml_id, size_at = _variable(head, 0)
        size, length = _variable(head, size_at)
        size &= (1 << 7 * (length - size_at)) - 1
        yield ebml_id, at + length, min(at + length + size, end)
        at += length + size


def _bytes(value: int) -> bytes:
    return value.to_bytes((max(value, 1).bit_length() + 7) // 8, "big")


def _variable(head: bytes, at: int) -> tuple[int, int]:
    """The number whose first bit set marks how many bytes it takes, with that bit, and where it ends."""
    length = 9 - head[at].bit_length() if at < len(head) else 9
    if length > 8 or at + length > len(head):
        raise ValueError("not an element of EBML")
    return int.from_bytes(head[at : at + length], "big"), at + length
