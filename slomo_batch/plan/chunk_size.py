"""How many source pairs make a chunk: from picture size and settings alone, so every run cuts a video alike.

The rule is pairs x pairs x output pixels per pair = 8 G pixels, between 8 and 240 pairs. A chunk's work then grows with
the square root of the work per pair: where pictures are large a chunk takes longer, but not so much that a lost worker
costs an hour, and holds fewer pairs, but not so few that most of a worker's time goes into decoding its way from the
keyframe before the chunk. 640x360 at 4x gives 93 pairs (a minute or so of one CPU), 1280x720 46, 1920x1080 31,
3840x2160 15.
"""

from fractions import Fraction
from math import isqrt

PAIRS_TIMES_PIXELS = 8_000_000_000
MIN_PAIRS = 8
MAX_PAIRS = 240


def pairs_per_chunk(width: int, height: int, times_per_pair: Fraction) -> int:
    """Source pairs per chunk for pictures of width x height px and `times_per_pair` output frames per source frame.

    A pair that owns no output frame is decoded all the same, so fewer than one output frame per pair counts as one.
    """
    pixels_per_pair = width * height * max(times_per_pair, Fraction(1))
    pairs = isqrt(int(PAIRS_TIMES_PIXELS / pixels_per_pair))
    return min(max(pairs, MIN_PAIRS), MAX_PAIRS)
