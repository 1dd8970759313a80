"""An estimate of the size of an output, before any of it is encoded. Audio is not counted.

With constant quality the size depends on what the pictures show. The estimate is a mean over real footage of bits per
pixel: those of a source frame, and of a frame between two source frames, which shows little that is new. A video can
have several times as many bits or a fraction of them; the sum over an archive is closer. Of tiny pictures, the headers
of frames and the container are most of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slomo_batch.picture import PIXEL_FORMATS, PixelFormat
from slomo_batch.plan.codecs import PRORES_4444, PRORES_HQ, QUALITY_UNSET
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.records.plans import VideoPlan
from slomo_batch.settings import Codec, Encode


@dataclass(frozen=True, slots=True, kw_only=True)
class _BitsPerPixel:
    of_source: float
    """Of a source frame, at QUALITY_UNSET."""
    of_made: float
    """Of a frame between source frames, at QUALITY_UNSET."""
    steps_to_half: float
    """Steps of `encode.quality` that halve both."""
    frame_bytes: int
    """Of a frame that shows nothing new, at any quality."""


_MEASURED: Mapping[Codec, _BitsPerPixel] = {
    "h264": _BitsPerPixel(of_source=0.18, of_made=0.049, steps_to_half=7, frame_bytes=12),
    "hevc": _BitsPerPixel(of_source=0.2, of_made=0.054, steps_to_half=6, frame_bytes=16),
    "av1": _BitsPerPixel(of_source=0.24, of_made=0.055, steps_to_half=15, frame_bytes=3),
    "vp9": _BitsPerPixel(of_source=0.25, of_made=0.11, steps_to_half=17, frame_bytes=17),
}
"""docs/benchmarks/README.md#size-of-outputs has the measurement."""
_PRORES = (0.72, 1.64, 2.37, 3.54, 5.31, 7.96)
"""Bits per pixel of each profile: Apple's target data rates for 1920x1080 at 29.97 frames/s, from the ProRes white
paper. 45, 102, 147, 220, 330 and 500 Mbit/s."""
_FFV1_SHARE = 0.22
"""Size of ffv1 over that of its uncompressed samples, measured as above."""
_MP4_BYTES, _MP4_FRAME_BYTES = 12_400, 37
"""What MP4 and MOV have beside the packets, and for each frame, with the space that is reserved for their index."""
_MATROSKA_BYTES, _MATROSKA_FRAME_BYTES = 400, 8
"""The same of Matroska and WebM."""


def output_bytes(plan: VideoPlan) -> int:
    """Estimate the size of a video's output in bytes."""
    grid, facts, encode = plan.grid, plan.facts, plan.request.settings.encode
    num_source = min(len(grid.pairs(facts.num_frames)), grid.num_frames)
    form = PIXEL_FORMATS[plan.resolved.pixel_format]
    codec = ENCODERS[plan.resolved.encoder].codec
    per_pixel = _bits_per_pixel(codec, encode, form, num_source=num_source, num_made=grid.num_frames - num_source)
    bits = facts.width * facts.height * per_pixel
    if codec in _MEASURED:
        bits += 8 * _MEASURED[codec].frame_bytes * grid.num_frames
    if encode.max_bit_rate:
        bits = min(bits, float(encode.max_bit_rate * grid.num_frames / grid.rate))
    return int(bits / 8) + _container_bytes(plan)


def _container_bytes(plan: VideoPlan) -> int:
    """What the output has beside the packets."""
    if container_of(plan.request.output_uri.suffix).has_exact_times:
        return _MP4_BYTES + _MP4_FRAME_BYTES * plan.grid.num_frames
    return _MATROSKA_BYTES + _MATROSKA_FRAME_BYTES * plan.grid.num_frames


def _bits_per_pixel(codec: Codec, encode: Encode, form: PixelFormat, *, num_source: int, num_made: int) -> float:
    """Sum over so many frames of their bits per pixel."""
    if codec == "ffv1":
        return (num_source + num_made) * _FFV1_SHARE * form.bit_depth * _samples_per_pixel(form)
    if codec == "prores":
        unset = PRORES_4444 if form.chroma_shift_x == 0 else PRORES_HQ
        return (num_source + num_made) * _PRORES[unset if encode.quality == QUALITY_UNSET else encode.quality]
    measured = _MEASURED[codec]
    size = num_source * measured.of_source + num_made * measured.of_made
    return float(size * 2 ** ((QUALITY_UNSET - encode.quality) / measured.steps_to_half))


def _samples_per_pixel(form: PixelFormat) -> float:
    if form.model == "gray":
        return 1.0
    return 1.0 + form.has_alpha + 2.0 / (1 << (form.chroma_shift_x + form.chroma_shift_y))
