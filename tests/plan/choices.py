"""Encoder choices for the tests: of a video with these settings."""

from fractions import Fraction
from typing import Any

from slomo_batch.plan.encoder_choice import EncoderChoice, choose_encoder
from slomo_batch.settings import Codec, Encode
from slomo_batch.side_data import NO_SIDE_DATA, SideData


def chosen(
    codec: Codec,
    source: str = "yuv420p",
    size: tuple[int, int] = (640, 360),
    *,
    rate: int = 25,
    nvenc_works: bool = False,
    is_hdr: bool = False,
    has_alpha: bool = False,
    side_data: SideData = NO_SIDE_DATA,
    **settings: Any,
) -> EncoderChoice:
    width, height = size
    encode = Encode(codec=codec, **settings)
    return choose_encoder(
        encode,
        codec,
        source_format=source,
        has_alpha=has_alpha,
        width=width,
        height=height,
        rate=Fraction(rate),
        nvenc_works=nvenc_works,
        is_hdr=is_hdr,
        side_data=side_data,
    )
