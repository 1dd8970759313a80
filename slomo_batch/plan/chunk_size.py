"""The size of chunks, in pairs of source frames. It depends only on picture size and settings, so every run divides a
video in the same way.

The rule is pairs x pairs x output pixels per pair = 8 G pixels, between 8 and 240 pairs. The work of a chunk then grows
with the square root of the work per pair. A chunk of large pictures takes longer, but a lost worker does not cost an
hour; it has fewer pairs, but most of a worker's time does not go into decoding from the keyframe before the chunk.
640x360 at 4x gives 93 pairs (about a minute of one CPU), 1280x720 46, 1920x1080 31, 3840x2160 15.
"""

from fractions import Fraction
from math import isqrt

PAIRS_TIMES_PIXELS = 8_000_000_000
MIN_PAIRS = 8
MAX_PAIRS = 240


def pairs_per_chunk(width: int, height: int, times_per_pair: Fraction) -> int:
    """Return the pairs per chunk for pictures of width x height px and `times_per_pair` output frames per source frame.

    A pair without an output frame is decoded as well, so fewer than one output frame per pair counts as one.
    """
    pixels_per_pair = width * height * max(times_per_pair, Fraction(1))
    pairs = isqrt(int(PAIRS_TIMES_PIXELS / pixels_per_pair))
    return min(max(pairs, MIN_PAIRS), MAX_PAIRS)
