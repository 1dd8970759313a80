"""What an output gets of its source beside pictures and audio, and a note for everything that it does not get."""

from collections.abc import Iterator
from dataclasses import replace

from slomo_batch.plan.codecs import ENCODERS
from slomo_batch.plan.containers import Container, container_of
from slomo_batch.records import ColorFacts, VideoPlan
from slomo_batch.side_data import SideData


def side_data_for(side_data: SideData, container: Container) -> SideData:
    """Return the part of a source's side data that files of this container state."""
    kept = replace(side_data, dropped=())
    return kept if container.states_geometry else replace(kept, projection=None, stereo="")


def losses(plan: VideoPlan, output_color: ColorFacts) -> tuple[str, ...]:
    """Return what the output loses of the source beside pictures and audio, a sentence each.

    `output_color` is the color description of the output.
    """
    container = container_of(plan.request.output_uri.suffix)
    stated = container.losses(
        ENCODERS[plan.resolved.encoder].codec,
        sample_aspect_ratio=plan.facts.sample_aspect_ratio,
        color=output_color,
    )
    return (*stated, *_side_data_losses(plan.facts.side_data, container))


def _side_data_losses(side_data: SideData, container: Container) -> Iterator[str]:
    kept = side_data_for(side_data, container).kept
    lost = [name for name in side_data.kept if name not in kept]
    if lost:
        yield f"not kept: {', '.join(lost)}; {container.suffix} does not store this, .mp4 and .mkv do"
    if side_data.dropped:
        yield f"not kept: {', '.join(side_data.dropped)}"
