"""Color of all 2^24 samples of 8 bits, on a device and on the CPU."""

import numpy as np
import torch

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import from_rgb, to_rgb
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import ColorFacts

FACTS = tuple(
    ColorFacts(range=samples, matrix=matrix, chroma_location=location)  # type: ignore[arg-type]  # both literals
    for samples, matrix, location in (
        ("limited", "bt709", "left"),
        ("full", "smpte170m", "center"),
        ("limited", "bt2020nc", "topleft"),
        ("full", "smpte240m", "bottom"),
    )
)
FORM = PIXEL_FORMATS["yuv444p"]


def num_different(facts: ColorFacts, device: torch.device, lumas: range = range(256)) -> int:
    """Return how many samples of RGB, or of planes made of it again, differ in any bit from those of the CPU.

    All pairs of chroma samples are tried with each of the lumas.
    """
    blue, red = (np.ascontiguousarray(each).astype(np.uint8) for each in np.mgrid[0:256, 0:256])
    spec, different = ColorSpec.of(facts, FORM, 1080), 0
    for luma in lumas:
        picture = Picture(format=FORM, planes=(np.full_like(blue, luma), blue, red))
        here, there = to_rgb(picture, spec), to_rgb(picture, spec, device)
        different += int((here.view(torch.int32) != there.cpu().view(torch.int32)).sum())
        planes = zip(from_rgb(here, FORM, spec).planes, from_rgb(there, FORM, spec).planes, strict=True)
        different += sum(int((expected != made).sum()) for expected, made in planes)
    return different
