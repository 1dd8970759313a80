"""Pictures, segments and stitched files for tests of encoding and stitching."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from slomo_batch.media.concat import stitch
from slomo_batch.media.encode import SegmentEncoder, SegmentFacts
from slomo_batch.media.stitch_spec import StitchSpec
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.carriage import side_data_for
from slomo_batch.plan.codecs import CODECS as CODEC_FACTS
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.plan.encoder_choice import EncoderChoice, choose_encoder
from slomo_batch.plan.encoders import segment_format
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec, Encode
from slomo_batch.side_data import NO_SIDE_DATA, SideData

CODECS: tuple[Codec, ...] = tuple(CODEC_FACTS)
KINDS: tuple[tuple[Codec, str], ...] = tuple(
    (codec, suffix) for codec in CODECS for suffix, container in CONTAINERS.items() if codec in container.codecs
)
LENGTHS = (1, 2, 3, 5, 4, 12, 17)
NTSC60 = Fraction(60000, 1001)
BT709 = ColorFacts(range="limited", matrix="bt709", primaries="bt709", transfer="bt709", chroma_location="left")


def picture(number: int, pixel_format: str = "yuv420p", size: tuple[int, int] = (96, 64)) -> Picture:
    """A pattern that moves with the frame number."""
    form = PIXEL_FORMATS[pixel_format]
    planes = []
    for plane in range(form.num_planes):
        rows, columns = form.plane_shape(plane, *size)
        y, x = np.mgrid[:rows, :columns]
        wave = np.sin(x / 9 + number / 3 + plane) + np.cos(y / 7 - number / 5)
        planes.append(((wave / 4.1 + 0.5) * form.max_value).astype(np.uint8 if form.bit_depth == 8 else np.uint16))
    return Picture(format=form, planes=tuple(planes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Settings that the segments of a test have in common."""

    codec: Codec = "h264"
    rate: Fraction = NTSC60
    size: tuple[int, int] = (96, 64)
    source_format: str = "yuv420p"
    color: ColorFacts = BT709
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation_deg: int = 0
    side_data: SideData = NO_SIDE_DATA
    has_alpha: bool = False
    encode: dict[str, Any] = field(default_factory=lambda: {"preset": "veryfast"})

    @property
    def choice(self) -> EncoderChoice:
        """The configuration of all its segments."""
        encode = Encode(codec=self.codec, **self.encode)
        width, height = self.size
        return choose_encoder(
            encode,
            self.codec,
            source_format=self.source_format,
            has_alpha=self.has_alpha,
            width=width,
            height=height,
            rate=self.rate,
            nvenc_works=False,
            is_hdr=self.color.is_hdr and self.encode.get("pixel_format") is None and self.codec in {"hevc", "av1"},
            side_data=self.side_data,
        )

    def encoder(self, path: Path) -> SegmentEncoder:
        """An encoder for one segment."""
        choice = self.choice
        return SegmentEncoder(
            path,
            encoder=choice.encoder,
            options=choice.options,
            pixel_format=choice.pixel_format,
            width=self.size[0],
            height=self.size[1],
            rate=self.rate,
            color=self.color,
            sample_aspect_ratio=self.sample_aspect_ratio,
        )

    def segment(self, folder: Path, frames: range) -> "Segment":
        """A segment of these frames."""
        kind = segment_format(self.choice.encoder, has_alpha=self.has_alpha)
        path = folder / f"{self.codec}-{frames.start}{kind.suffix}"
        hashes = []
        with self.encoder(path) as encoder:
            for number in frames:
                shown = picture(number, self.choice.pixel_format, self.size)
                hashes.append(shown.hash())
                encoder.add(shown)
            facts = encoder.finish()
        return Segment(path=path, facts=facts, hashes=tuple(hashes))

    def segments(self, folder: Path, lengths: Sequence[int]) -> list["Segment"]:
        """Segments of these lengths, one after the other."""
        starts = np.cumsum([0, *lengths]).tolist()
        return [self.segment(folder, range(start, end)) for start, end in pairwise(starts)]

    def spec(self, segments: Sequence["Segment"], suffix: str = ".mp4") -> StitchSpec:
        """What a file of these segments is to be."""
        return StitchSpec(
            rate=self.rate,
            num_frames=sum(segment.facts.num_frames for segment in segments),
            width=self.size[0],
            height=self.size[1],
            encoder=self.choice.encoder,
            color=self.color,
            sample_aspect_ratio=self.sample_aspect_ratio,
            rotation_deg=self.rotation_deg,
            has_alpha=self.has_alpha,
            side_data=side_data_for(self.side_data, CONTAINERS[suffix]),
            segments=tuple(segment.facts for segment in segments),
        )

    def stitched(
        self, folder: Path, suffix: str, lengths: Sequence[int] = LENGTHS, audio: Path | None = None
    ) -> "Stitched":
        """A file of segments of these lengths."""
        segments = self.segments(folder, lengths)
        spec, out = self.spec(segments, suffix), folder / f"out-{self.codec}{suffix}"
        stitch(spec, paths(segments), audio, out)
        return Stitched(path=out, spec=spec, segments=segments, borders=np.cumsum(lengths)[:-1].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment, and the hashes of the pictures given to it."""

    path: Path
    facts: SegmentFacts
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stitched:
    """A stitched file, and what it was made from."""

    path: Path
    spec: StitchSpec
    segments: list[Segment]
    borders: list[int]


def paths(segments: Sequence[Segment]) -> Iterator[Path]:
    """The files, one at a time."""
    return iter([segment.path for segment in segments])
