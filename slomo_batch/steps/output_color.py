"""The pixel format of the source frames and the color description of an output, without loading torch."""

from dataclasses import replace

from slomo_batch.color.color_spec import output_color_tags
from slomo_batch.media.frames import planar_format
from slomo_batch.picture import PIXEL_FORMATS, PixelFormat
from slomo_batch.plan.carriage import keeps_alpha
from slomo_batch.records.plans import VideoPlan
from slomo_batch.records.source_facts import ColorFacts


def source_format(plan: VideoPlan) -> PixelFormat:
    """The format in which source frames are read: with alpha only if the output gets it."""
    return planar_format(plan.facts.pixel_format, alpha=keeps_alpha(plan))


def output_color(plan: VideoPlan) -> ColorFacts:
    """The color description of the output: the source's, unless its samples are converted to another color model or
    range."""
    output = PIXEL_FORMATS[plan.resolved.pixel_format]
    color = output_color_tags(plan.facts.color, source_format(plan).opaque, output, plan.facts.height)
    return replace(color, range="limited") if plan.resolved.full_to_limited else color
