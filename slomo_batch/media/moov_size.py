"""The space to reserve for the index (moov) at the front of an MP4 or MOV file, before its packets are written.

With the option `moov_size` FFmpeg's muxer leaves this space free, writes the packets, then the moov into the space, and
fills the rest with a box of type `free`. Without it, the flag `faststart` moves all packets when the file is complete,
which reads and writes the whole file again. If the moov is larger than the space, FFmpeg overwrites packets and then
fails: such a file must be made again without the option.

The bound follows from what the muxer writes per packet at most (libavformat/movenc.c), for packets of any size in any
order of tracks. It leaves out only what audio packets do not have in practice: another decoding order, and packets
that are no keyframes. The unused rest is 10 to 30 bytes a packet.
"""

from collections.abc import Sequence

from slomo_batch.media.packets import StreamHeader

MAX_MOOV_BYTES = 2**31 - 1
"""The muxer takes no larger value."""

_SIZE, _SYNC, _DEPENDENCY = 4, 4, 1
"""Bytes of a packet's entries in stsz, stss and sdtp."""
_TIME_RUN, _OFFSET_RUN = 8, 8
"""Bytes of an entry in stts and in ctts: at most one for each packet."""
_CHUNK = 12 + 8
"""Bytes of a chunk's entries in stsc and co64. A packet between packets of other tracks is a chunk."""
_MOVIE, _TRACK = 2048, 2048
"""Bytes of everything else: the headers of the movie and of each track."""
_COPIES = 4
"""Copies of the codecs' headers and of the tracks' titles that fit."""


def max_moov_bytes(
    *, num_frames: int, reorders: bool, video_header: bytes, audio: Sequence[StreamHeader], num_audio_packets: int
) -> int:
    """Upper bound of the size of the moov, plus the smallest `free` box.

    `reorders`: whether packets of the video are decoded in another order than presented.
    """
    per_frame = _SIZE + _SYNC + _DEPENDENCY + _CHUNK + _OFFSET_RUN * reorders  # frames have equal durations: no stts
    per_audio_packet = _SIZE + _CHUNK + _TIME_RUN
    headers = len(video_header) + sum(len(one.extradata) + len(one.title.encode()) for one in audio)
    fixed = _MOVIE + _TRACK * (1 + len(audio)) + _COPIES * headers
    return fixed + per_frame * num_frames + per_audio_packet * num_audio_packets
