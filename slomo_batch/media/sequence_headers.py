"""Sequence headers within packets, which state the size of pictures: a new one may begin pictures of another size."""

import re
from typing import Any

import av

_HEAD_BYTES = 4096
"""Bytes at the front of a packet that are searched."""
_PATTERNS = {
    "h264": re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67].*?(?=\x00\x00[\x00\x01]|\Z)", re.DOTALL),
    "hevc": re.compile(rb"\x00\x00\x01[\x42\x43].*?(?=\x00\x00[\x00\x01]|\Z)", re.DOTALL),
    "mpeg1video": re.compile(rb"\x00\x00\x01\xb3.{4}", re.DOTALL),
    "mpeg2video": re.compile(rb"\x00\x00\x01\xb3.{4}", re.DOTALL),
    "vp8": re.compile(rb"(?<=\A...)\x9d\x01\x2a....", re.DOTALL),
    "vp9": re.compile(rb"\A.{9}", re.DOTALL),
}
"""By codec: the sequence parameter set of streams in Annex B, the sequence header, or the start of a keyframe."""


def sequence_headers(packet: "av.Packet[Any]", codec: str) -> frozenset[bytes]:
    """The sequence headers in a keyframe; empty if it has none, is no keyframe, or the codec is another.

    `codec` is FFmpeg's name.
    """
    pattern = _PATTERNS.get(codec)
    if pattern is None or not packet.is_keyframe:
        return frozenset()
    return frozenset(pattern.findall(bytes(packet)[:_HEAD_BYTES]))
