"""Template streams for tracks of the output: audio of Matroska with a delay, and subtitles.

Matroska states in a track's header how many samples at the start are not heard (CodecDelay). FFmpeg's muxer takes the
number from a field that PyAV does not expose and that only an opened encoder or a demuxed stream has. An encoder has
its own delay, not that of the source. So the template is demuxed from a file of a few bytes that states the right one.
"""

import io
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.subtitles.stream import SubtitleStream

from slomo_batch.media.ebml import element, number
from slomo_batch.media.packets import StreamHeader

SUBTITLE_IDS: Mapping[str, str] = {
    "ass": "S_TEXT/ASS",
    "dvb_subtitle": "S_DVBSUB",
    "dvd_subtitle": "S_VOBSUB",
    "hdmv_pgs_subtitle": "S_HDMV/PGS",
    "subrip": "S_TEXT/UTF8",
    "webvtt": "D_WEBVTT/SUBTITLES",
}
"""Matroska's names of subtitle codecs, by FFmpeg's."""
CODEC_IDS: Mapping[str, str] = {
    "aac": "A_AAC",
    "ac3": "A_AC3",
    "alac": "A_ALAC",
    "dts": "A_DTS",
    "eac3": "A_EAC3",
    "flac": "A_FLAC",
    "mp2": "A_MPEG/L2",
    "mp3": "A_MPEG/L3",
    "opus": "A_OPUS",
    "truehd": "A_TRUEHD",
    "vorbis": "A_VORBIS",
}
"""Matroska's names of codecs, by FFmpeg's."""
_EBML, _DOC_TYPE, _SEGMENT, _INFO, _TIMESTAMP_SCALE = 0x1A45DFA3, 0x4282, 0x18538067, 0x1549A966, 0x2AD7B1
_TRACKS, _TRACK, _NUMBER, _UID, _TYPE, _CODEC = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83, 0x86
_CODEC_PRIVATE, _CODEC_DELAY, _AUDIO, _RATE, _CHANNELS = 0x63A2, 0x56AA, 0xE1, 0xB5, 0x9F
_CLUSTER, _TIMESTAMP = 0x1F43B675, 0xE7
_AUDIO_TRACK, _SUBTITLE_TRACK = 2, 17


def delayed_template(stack: ExitStack, header: StreamHeader, delay_s: Fraction) -> AudioStream:
    """A stream of this codec that states `delay_s` seconds before the first sample heard. It lives as long as the file
    that `stack` closes. The codec is one of CODEC_IDS."""
    file = stack.enter_context(av.open(io.BytesIO(_matroska(header, delay_s)), format="matroska"))
    return file.streams.audio[0]


def subtitle_template(stack: ExitStack, header: StreamHeader) -> SubtitleStream:
    """A stream of this codec, which is one of SUBTITLE_IDS. It lives as long as the file that `stack` closes."""
    track = (
        number(_NUMBER, 1)
        + number(_UID, 1)
        + number(_TYPE, _SUBTITLE_TRACK)
        + element(_CODEC, SUBTITLE_IDS[header.codec].encode())
        + element(_CODEC_PRIVATE, header.extradata)
    )
    file = stack.enter_context(av.open(io.BytesIO(_file_of(track)), format="matroska"))
    return file.streams.subtitles[0]


def _matroska(header: StreamHeader, delay_s: Fraction) -> bytes:
    """A Matroska file of one audio track without packets."""
    num_channels = av.AudioLayout(header.layout).nb_channels
    audio = element(_RATE, struct.pack(">d", header.sample_rate)) + number(_CHANNELS, num_channels)
    track = (
        number(_NUMBER, 1)
        + number(_UID, 1)
        + number(_TYPE, _AUDIO_TRACK)
        + element(_CODEC, CODEC_IDS[header.codec].encode())
        + element(_CODEC_PRIVATE, header.extradata)
        + number(_CODEC_DELAY, round(delay_s * 10**9))
        + element(_AUDIO, audio)
    )
    return _file_of(track)


def _file_of(track: bytes) -> bytes:
    """A Matroska file of this track without packets."""
    info = element(_INFO, number(_TIMESTAMP_SCALE, 10**6))
    cluster = element(_CLUSTER, number(_TIMESTAMP, 0))  # FFmpeg reads headers up to the first cluster
    segment = info + element(_TRACKS, element(_TRACK, track)) + cluster
    return element(_EBML, element(_DOC_TYPE, b"matroska")) + element(_SEGMENT, segment)
