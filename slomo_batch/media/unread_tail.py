"""What FFmpeg leaves unread at the end of a file, another file or a damaged fragment: it is named in the plan."""

import re

from slomo_batch.media.mp4_boxes import FIRST_BOXES, is_fragmented, top_boxes
from slomo_batch.media.reader import RangeReader

_HEADS = {
    "flv": b"FLV\x01",
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
SEARCHED_BYTES = 1 << 20
"""Another head is looked for this far after the last packet of the video; sound may come between."""


def unread_tail_note(reader: RangeReader, container: str, end_byte: int, track: int) -> str:
    """Says where a damaged fragment, or another MP4, MOV, FLV, Matroska or ASF file begins; empty where none does.

    `container` is FFmpeg's name of the demuxer, `end_byte` where the last packet of the video ends, `track` the number
    of the video's track.
    """
    if is_fragmented(reader):
        return _fragment_note(reader, end_byte, track)
    head = _HEADS.get(container)
    if head is not None:
        reader.seek(end_byte)
        place = reader.read(SEARCHED_BYTES).find(head)
        at = end_byte + place if place >= 0 else None
    else:
        at = _second_movie(reader)
    if at is None:
        return ""
    return (
        f"another film begins at byte {at} of {reader.size_bytes}: it is not read."
        " Cut it off, or join both with FFmpeg's concat demuxer"
    )


def _fragment_note(reader: RangeReader, end_byte: int, track: int) -> str:
    """FFmpeg ends at a fragment that it cannot read. Its header names the track (tfhd, ISO/IEC 14496-12, 8.8.7)."""
    reader.seek(end_byte)
    found = re.search(rb"tfhd\0.{3}" + re.escape(track.to_bytes(4)), reader.read(SEARCHED_BYTES), re.DOTALL)
    if found is None:
        return ""
    place = end_byte + found.start()
    return f"a fragment at byte {place} of {reader.size_bytes} is damaged and not read: its frames are missing"


def _second_movie(reader: RangeReader) -> int | None:
    """Where the second movie of an MP4 or MOV begins, if it has two indexes and no fragments."""
    boxes = list(top_boxes(reader))
    kinds = [kind for kind, _ in boxes]
    if not kinds or kinds[0] not in FIRST_BOXES or kinds.count(b"moov") < 2 or b"moof" in kinds:
        return None
    first = kinds.index(b"moov")
    starts = [at for kind, at in boxes[first + 1 :] if kind in {b"ftyp", b"moov"}]
    return min(starts)
