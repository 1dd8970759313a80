"""Pictures of random samples, and the spec of an ordinary source."""

import numpy as np

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.picture import PIXEL_FORMATS, Picture, PixelFormat, Samples
from slomo_batch.records.source_facts import ColorFacts


def typed(samples: np.ndarray[tuple[int, ...], np.dtype[np.int64]], form: PixelFormat) -> Samples:
    return samples.astype(np.uint8) if form.bit_depth == 8 else samples.astype(np.uint16)


def random_picture(name: str, width: int, height: int, *, seed: int = 0) -> Picture:
    """Samples from 0 to the format's largest, so some colors lie outside the RGB cube."""
    form, numbers = PIXEL_FORMATS[name], np.random.default_rng(seed)
    shapes = [form.plane_shape(plane, width, height) for plane in range(form.num_planes)]
    planes = tuple(typed(numbers.integers(0, form.max_value + 1, shape), form) for shape in shapes)
    return Picture(format=form, planes=planes)


def flat_picture(name: str, samples: tuple[int, ...], width: int = 6, height: int = 4) -> Picture:
    """A picture of one color; one sample value per plane."""
    form = PIXEL_FORMATS[name]
    shapes = [form.plane_shape(plane, width, height) for plane in range(form.num_planes)]
    planes = tuple(typed(np.full(shape, sample, np.int64), form) for shape, sample in zip(shapes, samples, strict=True))
    return Picture(format=form, planes=planes)


def spec_of(name: str, facts: ColorFacts | None = None, height: int = 1080) -> ColorSpec:
    return ColorSpec.of(facts or ColorFacts(range="limited"), PIXEL_FORMATS[name], height)
