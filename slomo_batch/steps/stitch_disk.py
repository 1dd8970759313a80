"""The local disk that a stitch needs: for the output, its audio, and the segments at hand."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from slomo_batch.errors import TooLittleDisk
from slomo_batch.records.commits import AudioDone, ChunkDone

SEGMENTS_AHEAD = 4
"""Segments that are downloaded from S3 while those before them are joined."""
_INDEX_BYTES_PER_FRAME = 40
"""Space for the index of an MP4 or MOV, as `media.moov_size` reserves it. That of the audio needs less than its archive
has beside the packets."""
_LARGE_SEGMENT = 3
"""How many times as large as the mean the largest segments are taken to be before their sizes are known."""
_MARGIN = 1.05


def disk_foreseen(segment_bytes: int, audio_bytes: int, *, num_segments: int, num_frames: int) -> int:
    """Bytes of local disk that the stitch of these segments, together so large, needs at most."""
    at_hand = min(num_segments, _LARGE_SEGMENT * (SEGMENTS_AHEAD + 1)) * segment_bytes // max(1, num_segments)
    return int(_MARGIN * _needed(segment_bytes, audio_bytes, at_hand, num_frames))


def check_disk(segments: Sequence[ChunkDone], audio: AudioDone | None, folder: Path, *, num_at_hand: int) -> None:
    """Check that there is room for the output, the audio, and `num_at_hand` segments.

    Raises:
        TooLittleDisk: there is not.
    """
    sizes = sorted((done.size_bytes for done in segments), reverse=True)
    audio_bytes, num_frames = audio.size_bytes if audio else 0, sum(done.num_frames for done in segments)
    needed = _needed(sum(sizes), audio_bytes, sum(sizes[:num_at_hand]), num_frames)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TooLittleDisk(
            "too little free disk space to join the segments",
            where=str(folder),
            expected=f"{needed:,} bytes free",
            got=f"{free:,}",
            remedy="Free some space, or set TMPDIR to a larger disk; then run again with --retry-failed.",
        )


def _needed(segment_bytes: int, audio_bytes: int, at_hand_bytes: int, num_frames: int) -> int:
    output_bytes = segment_bytes + audio_bytes + _INDEX_BYTES_PER_FRAME * num_frames
    return output_bytes + audio_bytes + at_hand_bytes
