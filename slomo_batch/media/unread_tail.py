"""Detect data at the end of a file that FFmpeg does not read: a second file, or a damaged fragment. The plan
notes it."""

import re

from slomo_batch.media.mp4_boxes import FIRST_BOXES, is_fragmented, top_boxes
from slomo_batch.media.reader import RangeReader

_HEADS = {
    "flv": b"FLV\x01",
    "gif": b"GIF89a",
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
"""First bytes of a file, by FFmpeg's name of the demuxer."""
_IN_LAST_PACKET = frozenset({"gif"})
"""Demuxers that take everything after a damaged picture as part of it."""
SEARCHED_BYTES = 1 << 20
"""Number of bytes searched after the last video packet; audio packets may come first."""


def unread_tail_note(reader: RangeReader, container: str, end_byte: int, track: int) -> str:
    """Say at which byte a damaged fragment or a second file begins (MP4, MOV, FLV, GIF, Matroska, ASF); empty if there
    is none.

    `container` is FFmpeg's name of the demuxer, `end_byte` the end of the last video packet, `track` the number of
    the video track.
    """
    if is_fragmented(reader):
        return _fragment_note(reader, end_byte, track)
    head = _HEADS.get(container)
    if head is not None:
        start = max(len(head), end_byte - SEARCHED_BYTES) if container in _IN_LAST_PACKET else end_byte
        reader.seek(start)
        place = reader.read(end_byte + SEARCHED_BYTES - start).find(head)
        at = start + place if place >= 0 else None
    else:
        at = _second_movie(reader)
    if at is None:
        return ""
    return (
        f"a second file begins at byte {at} of {reader.size_bytes} and is not read."
        " Split the file there, or join both parts with FFmpeg's concat demuxer"
    )


def _fragment_note(reader: RangeReader, end_byte: int, track: int) -> str:
    """Describe the fragment that FFmpeg could not read and stopped at. Its header names the track (tfhd, ISO/IEC
    14496-12, 8.8.7)."""
    reader.seek(end_byte)
    found = re.search(rb"tfhd\0.{3}" + re.escape(track.to_bytes(4)), reader.read(SEARCHED_BYTES), re.DOTALL)
    if found is None:
        return ""
    place = end_byte + found.start()
    return f"the fragment at byte {place} of {reader.size_bytes} is damaged and not read: its frames are missing"


def _second_movie(reader: RangeReader) -> int | None:
    """Byte offset of the second movie in an MP4 or MOV; None unless the file has two moov boxes and no fragments."""
    boxes = list(top_boxes(reader))
    kinds = [kind for kind, _ in boxes]
    if not kinds or kinds[0] not in FIRST_BOXES or kinds.count(b"moov") < 2 or b"moof" in kinds:
        return None
    first = kinds.index(b"moov")
    starts = [at for kind, at in boxes[first + 1 :] if kind in {b"ftyp", b"moov"}]
    return min(starts)
