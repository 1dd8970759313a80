"""Whether frames are made in tiles, because a pair does not fit into the memory of the job's first worker.

A frame that is made in tiles differs a little from one that is made whole, so no machine decides this by itself: a job
pins the memory of its first worker, and a video's plan the size of its tiles.
"""

from collections.abc import Mapping
from fractions import Fraction

from slomo_batch.settings import Precision, Tiles

BYTES_PER_PX: Mapping[str, int] = {
    "superslomo-guided": 260,
    "superslomo-matched": 260,
    "superslomo-compact": 750,
    "superslomo-paper": 1800,
}
"""By network: memory that a pair takes, for each pixel of the frames in a batch, in fp32; the peak of the resident
set."""
TILE_PX = 1 << 20
"""Pixels of a tile. With the paper's network it takes 1.8 GB, and with the others less."""
MEMORY_SHARE = Fraction(3, 4)
"""The share of a machine's memory that a pair may take."""
NARROW_SHARE = Fraction(1, 2)
"""Memory in bf16 and fp16, relative to fp32."""


def tile_px(setting: Tiles, network: str, *, width: int, height: int, precision: Precision, memory_bytes: int) -> int:
    """Return the pixels of a tile; 0 if frames are made whole.

    `memory_bytes` is the memory that the job pinned; 0 if it is unknown.
    """
    if network not in BYTES_PER_PX or setting == "never" or width * height <= TILE_PX:
        return 0
    fits = memory_bytes == 0 or pair_bytes(network, width * height, precision) <= MEMORY_SHARE * memory_bytes
    return 0 if setting == "auto" and fits else TILE_PX


def pair_bytes(network: str, num_px: int, precision: Precision) -> int:
    """Return the memory that a pair takes if so many pixels are made at once; 0 if it is unknown."""
    return int(BYTES_PER_PX.get(network, 0) * num_px * (1 if precision == "fp32" else NARROW_SHARE))


def tile_notes(tile: int, setting: Tiles) -> tuple[str, ...]:
    """Return a note on frames that are made in tiles."""
    if not tile:
        return ()
    reason = "interpolate.tiles is always" if setting == "always" else "a pair of whole frames does not fit into memory"
    return (f"frames are made in tiles of about {tile / 1e6:.0f} million pixels, because {reason}",)
