"""The color description of an output, without loading torch."""

from slomo_batch.color.color_spec import output_color_tags
from slomo_batch.media.frames import planar_format_name
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.records import ColorFacts, VideoPlan


def output_color(plan: VideoPlan) -> ColorFacts:
    """The color description of the output: the source's, unless its samples were converted to another color model."""
    facts = plan.facts
    source = PIXEL_FORMATS[planar_format_name(facts.pixel_format)]
    return output_color_tags(facts.color, source, PIXEL_FORMATS[plan.resolved.pixel_format], facts.height)
