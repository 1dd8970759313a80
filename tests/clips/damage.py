"""Damaged clips of the catalog."""

import numpy as np

from tests.clips.catalogue import clip

DAMAGED_KINDS = (
    "cfr",
    "moov_first",
    "fragmented",
    "mpegts",
    "mkv_23976",
    "avi_bframes",
    "vp9",
    "prores",
    "hevc_open_gop",
)


def damaged(number: int) -> tuple[str, bytes]:
    """The damaged file with this number: truncated, or with flipped bits, zeroed or repeated ranges. Always the same
    bytes."""
    rng = np.random.default_rng(number)
    name = DAMAGED_KINDS[number % len(DAMAGED_KINDS)]
    data = bytearray(clip(name).data)
    at = int(rng.integers(0, len(data)))
    kind = ("cut off", "bits flipped", "zeroed", "repeated")[int(rng.integers(0, 4))]
    if kind == "cut off":
        del data[at:]
    if kind == "bits flipped":
        for place in rng.integers(0, len(data), int(rng.integers(1, 40))).tolist():
            data[place] ^= 1 << int(rng.integers(0, 8))
    if kind == "zeroed":
        data[at : at + 500] = bytes(len(data[at : at + 500]))
    if kind == "repeated":
        data[at:at] = data[max(at - 700, 0) : at]
    return f"{name} {kind} at {at}", bytes(data)
