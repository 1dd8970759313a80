"""Which codecs the FFmpeg libraries of PyAV have, and which encoders of NVENC work on this machine."""

from dataclasses import dataclass
from typing import Literal

import av

from slomo_batch.media.encode import encoder_works
from slomo_batch.plan.encoders import ENCODERS, NVENC

DECODERS = (
    *("h264", "hevc", "av1", "vp9", "vp8", "mpeg2video", "mpeg4", "mjpeg", "prores", "dnxhd", "ffv1", "vc1", "dvvideo"),
    *("aac", "mp3", "ac3", "opus", "flac", "pcm_s16le"),
)
"""Decoders that archives of video need most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecReport:
    """Codecs of the FFmpeg libraries."""

    pyav: str
    ffmpeg: str
    """Version of FFmpeg."""
    missing_encoders: tuple[str, ...]
    """Software encoders that outputs can need."""
    nvenc: tuple[str, ...]
    """Encoders of NVENC that encoded a frame here."""
    missing_decoders: tuple[str, ...]
    """Of DECODERS."""


def report_codecs() -> CodecReport:
    """Look for the software encoders and the common decoders, and try the encoders of NVENC."""
    return CodecReport(
        pyav=av.__version__,
        ffmpeg=av.ffmpeg_version_info,
        missing_encoders=tuple(name for name in ENCODERS if name not in NVENC and not _has(name, "w")),
        nvenc=tuple(name for name in NVENC if encoder_works(name)),
        missing_decoders=tuple(name for name in DECODERS if not _has(name, "r")),
    )


def _has(name: str, mode: Literal["r", "w"]) -> bool:
    try:
        av.Codec(name, mode)
    except av.codec.codec.UnknownCodecError:
        return False
    return True
