"""Another file after the first, in the same file, that FFmpeg does not read: it is named in the plan."""

from slomo_batch.media.boxes import FIRST_BOXES, top_boxes
from slomo_batch.media.reader import RangeReader

_HEADS = {
    "flv": b"FLV\x01",
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
SEARCHED_BYTES = 1 << 20
"""Another head is looked for this far after the last packet of the video; sound may come between."""


def appended_note(reader: RangeReader, container: str, end_byte: int) -> str:
    """Says where another MP4, MOV, FLV, Matroska or ASF file begins within the file; empty where none does.

    `container` is FFmpeg's name of the demuxer, `end_byte` where the last packet of the video ends.
    """
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


def _second_movie(reader: RangeReader) -> int | None:
    """Where the second movie of an MP4 or MOV begins, if it has two indexes and no fragments."""
    boxes = list(top_boxes(reader))
    kinds = [kind for kind, _ in boxes]
    if not kinds or kinds[0] not in FIRST_BOXES or kinds.count(b"moov") < 2 or b"moof" in kinds:
        return None
    first = kinds.index(b"moov")
    starts = [at for kind, at in boxes[first + 1 :] if kind in {b"ftyp", b"moov"}]
    return min(starts)
