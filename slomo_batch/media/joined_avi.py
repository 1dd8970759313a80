"""Detect AVI files that were joined without an index of their own; the plan notes it.

AVI has no timestamps: FFmpeg counts frames, and samples of audio, from the start of the file. If the audio of a part is
longer or shorter than its pictures, that of all later parts is heard too late or too early.
"""

from slomo_batch.media.reader import RangeReader

_HEADER_BYTES = 12
"""Of a RIFF chunk: its name, its size, and the form of its content."""
MAX_CHUNKS = 10_000
"""Chunks of an AVI file after which the search ends; OpenDML adds one about every gigabyte."""


def joined_avi_note(reader: RangeReader, container: str, *, has_audio: bool) -> str:
    """Say how many AVI files were joined in this one; empty if it is one, has no audio, or is of another kind."""
    if container != "avi" or not has_audio:
        return ""
    count = _num_parts(reader)
    if count < 2:
        return ""
    return (
        f"{count} AVI files are joined in this one: where the audio of one is longer or shorter than its pictures, that"
        " of the later ones is late or early"
    )


def _num_parts(reader: RangeReader) -> int:
    at = count = 0
    for _ in range(MAX_CHUNKS):
        reader.seek(at)
        head = reader.read(_HEADER_BYTES)
        if len(head) < _HEADER_BYTES or not head.startswith(b"RIFF"):
            break
        count += head.endswith(b"AVI ")  # the form of a continuation is AVIX
        size = int.from_bytes(head[4:8], "little")
        at += 8 + size + size % 2
    return count
