"""An encoder of the GPU that is said to work encodes a segment that decodes to all its frames."""

from fractions import Fraction
from pathlib import Path

import pytest

from slomo_batch.media.encode import SegmentEncoder, encoder_works, verify_segment
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.encoder_options import Pictures
from slomo_batch.plan.encoders import ENCODERS, NVENC, codec_of
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Encode
from tests.steps.pairs import moving

SOFTWARE = ("libx264",)


@pytest.mark.parametrize("name", [*SOFTWARE, *(pytest.param(name, marks=pytest.mark.gpu) for name in NVENC)])
def test_an_encoder_that_works_encodes_frames_of_the_cpu(name: str, tmp_path: Path) -> None:
    if not encoder_works(name):
        pytest.skip(f"{name} does not work on this machine")
    encoder, rate, size = ENCODERS[name], Fraction(24), (320, 192)
    form = PIXEL_FORMATS["yuv420p"]
    segment = tmp_path / f"segment{codec_of(name).segment.suffix}"
    pictures = moving(12, width=size[0], height=size[1])
    with SegmentEncoder(
        segment,
        encoder=name,
        options=encoder.options(Encode(codec=encoder.codec), Pictures(form=form, width=320, height=192, rate=rate)),
        pixel_format=form.name,
        width=size[0],
        height=size[1],
        rate=rate,
        color=ColorFacts(range="limited"),
        sample_aspect_ratio=Fraction(1),
    ) as writer:
        for picture in pictures:
            writer.add(picture)
        facts = writer.finish()
    assert facts.num_frames == len(pictures)
    verify_segment(segment, facts=facts, source_hashes=None, threads=1)
