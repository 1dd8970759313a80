"""The frames that the golden file holds, and how it is made anew.

    python -m tests.golden.frames     stores the frames of the code as it is, under the present PIXEL_REVISION

The file is named for the revision. It holds the source pictures too, so that nothing but slomo_batch itself stands
between what goes in and what is compared.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import from_rgb, to_rgb
from slomo_batch.color.formats import convert
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import AnyInterpolator, Held, context_of, make_frames
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.picture import PIXEL_FORMATS, Picture, Samples
from slomo_batch.records.source_facts import ColorFacts
from tests.interpolators.footage import real_clip, rgb_frames, window_on
from tests.interpolators.weights_files import paper

Planes = Mapping[str, Samples]

GOLDEN = Path(__file__).parent / f"pixels-{PIXEL_REVISION}.npz"
SOURCE = PIXEL_FORMATS["yuv420p"]
SPEC = ColorSpec.of(ColorFacts(range="limited", matrix="bt709", chroma_location="left"), SOURCE, 64)
TIMES = (Fraction(1, 3), Fraction(1, 2))
OTHER_FORMATS = ("yuv444p10le", "yuv422p", "gbrp12le", "gray16le")


def source_pair() -> list[Picture]:
    """71x47 from a real clip: grain, edges, and a motion of (5, 2) pixels."""
    (scene,) = rgb_frames(real_clip("carphone_pristine"), start=30, num=1)
    return [from_rgb(window_on(scene / 255, 40 - x, 30 - y, 71, 47), SOURCE, SPEC) for x, y in ((0, 0), (5, 2))]


def methods() -> Iterator[tuple[str, AnyInterpolator]]:
    """Every method that makes pixels, in fp32 on one thread."""
    yield "blend", Blend()
    yield "flow", Flow()
    yield "mci", Mci()
    for name, scale, levels in (("compact", 1, 3), ("compact-4-levels", 1, 4), ("compact-half-flow", 2, 2)):
        spec = InterpolatorSpec(
            method="superslomo",
            weights_path=str(shipped_file("compact-1")),
            flow_scale=Fraction(1, scale),
            pyramid_levels=levels,
            device="cpu",
        )
        yield name, open_interpolator(spec)
    for name, weights, scale in (
        ("guided", "compact-2", 1),
        ("guided-half-flow", "compact-2", 2),
        ("guided-narrow", "compact-3", 1),
        ("matched", "matched-1", 1),
    ):
        spec = InterpolatorSpec(
            method="superslomo",
            weights_path=str(shipped_file(weights)),
            flow_scale=Fraction(1, scale),
            device="cpu",
        )
        yield name, open_interpolator(spec)
    yield (
        "paper",
        SuperSlomo(deepcopy(paper()), device=torch.device("cpu"), precision="fp32", flow_scale=Fraction(1), threads=1),
    )


def made_from(pair: list[Picture]) -> dict[str, Samples]:
    """Every golden plane, by the name of what made it, the time and the plane's number."""
    planes: dict[str, Samples] = {}
    i0, i1 = (to_rgb(picture, SPEC) for picture in pair)
    for name, method in methods():
        beside = [None] * context_of(method)
        for time, frame in zip(TIMES, make_frames(method, [*beside, i0, i1, *beside], TIMES), strict=True):
            assert not isinstance(frame, Held)
            planes |= named(f"{name} at {time.numerator} of {time.denominator}", from_rgb(frame, SOURCE, SPEC))
    for target in OTHER_FORMATS:
        planes |= named(f"converted to {target}", convert(pair[0], PIXEL_FORMATS[target], SPEC))
        planes |= named(f"made in {target}", from_rgb(i0, PIXEL_FORMATS[target], SPEC))
    return planes


def named(what: str, picture: Picture) -> dict[str, Samples]:
    return {f"{what}, plane {number}": plane for number, plane in enumerate(picture.planes)}


def stored_pair(stored: Planes) -> list[Picture]:
    return [
        Picture(format=SOURCE, planes=tuple(stored[f"{side}, plane {number}"] for number in range(3)))
        for side in ("first", "second")
    ]


def store() -> None:
    """Write the golden file of the present revision."""
    pair = source_pair()
    sources = named("first", pair[0]) | named("second", pair[1])
    with GOLDEN.open("wb") as file:
        np.savez_compressed(file, **sources, **made_from(pair))  # type: ignore[arg-type]  # names are free


if __name__ == "__main__":
    store()
