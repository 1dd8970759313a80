"""FrameMaker: make the output frames of one chunk in order: source frames unchanged, the others held or interpolated.

Every decision about a pair depends only on the plan and the source frames around the pair, so it does not depend on
where chunks begin. Frames are made one at a time: memory does not grow with their number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby
from typing import Literal

from torch import Tensor

from slomo_batch.color.conversion import ColorSpec, from_rgb, output_color_tags, to_rgb
from slomo_batch.color.formats import convert
from slomo_batch.errors import FrameMissing
from slomo_batch.interpolators.contract import AnyInterpolator, Held, context_of, make_frames
from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind, classify_pair
from slomo_batch.interpolators.duplicate import nearest_frames
from slomo_batch.media.frames import planar_format_name
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records import Chunk, ColorFacts, VideoPlan
from slomo_batch.settings import Interpolate
from slomo_batch.steps.stopwatch import Stopwatch
from slomo_batch.timeline.retiming import FrameTime

Kind = Literal["source", "made", "held_at_cut", "held_repeat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFrame:
    """One output frame: its picture in the output's pixel format, and how it was made."""

    picture: Picture
    kind: Kind


class SourceWindow:
    """The decoded source frames around the current pair. Pictures are read only as far as a pair needs them.

    `first` is the number of the source frame that `pictures` yields first, and `context` the number of frames on either
    side of a pair. The frames whose numbers are in `watched` are hashed.
    """

    def __init__(self, pictures: Iterable[Picture], *, first: int, context: int, watched: Sequence[int]) -> None:
        self._pictures = iter(pictures)
        self._next = first
        self._context = context
        self._watched = watched
        self._held: dict[int, Picture] = {}
        self.hashes: dict[int, str] = {}

    def around(self, pair: int) -> list[Picture | None]:
        """Source frames pair - context .. pair + 1 + context; None before the first and after the last of the video."""
        first, last = pair - self._context, pair + 1 + self._context
        while self._next <= last and (picture := next(self._pictures, None)) is not None:
            self._pass(picture)
        self._held = {number: picture for number, picture in self._held.items() if number >= first}
        return [self._held.get(number) for number in range(first, last + 1)]

    def _pass(self, picture: Picture) -> None:
        self._held[self._next] = picture
        if self._next in self._watched:
            self.hashes[self._next] = picture.hash()
        self._next += 1


class FrameMaker:
    """Makes the output frames of one chunk from its decoded source frames."""

    def __init__(self, plan: VideoPlan, interpolator: AnyInterpolator, watch: Stopwatch) -> None:
        source = PIXEL_FORMATS[planar_format_name(plan.facts.pixel_format)]
        self._settings: Interpolate = plan.request.settings.interpolate
        self._context = plan.resolved.context
        self._interpolator = interpolator
        self._output = PIXEL_FORMATS[plan.resolved.pixel_format]
        self._spec = ColorSpec.of(plan.facts.color, source, plan.facts.height)
        self._watch = watch
        self._rgb: dict[int, Tensor] = {}

    def frames(self, window: SourceWindow, chunk: Chunk, times: Iterable[FrameTime]) -> Iterator[OutputFrame]:
        """The output frames of the chunk, in order; `times` are theirs, in order too."""
        by_pair = groupby(times, key=lambda time: time.pair)
        upcoming = next(by_pair, None)
        for pair in range(chunk.first_pair, chunk.end_pair):
            around = window.around(pair)
            if upcoming is not None and upcoming[0] == pair:
                yield from self._pair(pair, around, (time.t for time in upcoming[1]))
                upcoming = next(by_pair, None)

    def _pair(self, pair: int, around: Sequence[Picture | None], times: Iterator[Fraction]) -> Iterator[OutputFrame]:
        i0, i1 = around[self._context], around[self._context + 1]
        if i0 is None:
            raise FrameMissing(f"the decoder did not return source frame {pair}")
        for t in times:
            if t == 0:
                yield OutputFrame(picture=self._source(i0), kind="source")
            elif i1 is None:
                raise FrameMissing(f"the decoder did not return source frame {pair + 1}")
            else:  # times increase: this one and all later ones are between the two source frames
                yield from self._between(pair, (i0, i1), around, chain((t,), times))

    def _between(
        self, pair: int, i0_i1: tuple[Picture, Picture], around: Sequence[Picture | None], times: Iterable[Fraction]
    ) -> Iterator[OutputFrame]:
        pair_kind = self._pair_kind(self._between_with_context(around, CONTEXT))
        if pair_kind is PairKind.MOVING:
            frames: Iterable[Tensor | Held] = self._interpolate(pair, around, times)
            kind: Kind = "made"
        else:
            frames = nearest_frames(times)
            kind = "held_at_cut" if pair_kind is PairKind.CUT else "held_repeat"
        for frame in frames:
            yield OutputFrame(picture=self._picture(frame, i0_i1), kind=kind)

    def _between_with_context(self, around: Sequence[Picture | None], context: int) -> Sequence[Picture | None]:
        """The part of the window with so many frames on either side of the pair."""
        return around[self._context - context : self._context + 2 + context]

    def _pair_kind(self, around: Sequence[Picture | None]) -> PairKind:
        with self._watch.stage("judge"):
            kind = classify_pair(around)
        ignored = kind is PairKind.CUT and self._settings.cuts == "ignore"
        return PairKind.MOVING if ignored else kind

    def _interpolate(
        self, pair: int, around: Sequence[Picture | None], times: Iterable[Fraction]
    ) -> Iterator[Tensor | Held]:
        context = context_of(self._interpolator)
        first = pair - context
        with self._watch.stage("color"):
            seen = enumerate(self._between_with_context(around, context), start=first)
            window = {number: self._tensor(number, picture) for number, picture in seen}
            self._rgb = {number: rgb for number, rgb in window.items() if number > first and rgb is not None}
        return self._watch.each("model", make_frames(self._interpolator, list(window.values()), times))

    def _tensor(self, number: int, picture: Picture | None) -> Tensor | None:
        if picture is None:
            return None
        known = self._rgb.get(number)
        return to_rgb(picture, self._spec) if known is None else known

    def _picture(self, frame: Tensor | Held, i0_i1: tuple[Picture, Picture]) -> Picture:
        if isinstance(frame, Held):
            return self._source(i0_i1[0] if frame is Held.FIRST else i0_i1[1])
        with self._watch.stage("color"):
            return from_rgb(frame, self._output, self._spec)

    def _source(self, picture: Picture) -> Picture:
        with self._watch.stage("color"):
            return convert(picture, self._output, self._spec)


def output_color(plan: VideoPlan) -> ColorFacts:
    """The color description of the output: the source's, unless its samples were converted to another color model."""
    facts = plan.facts
    source = PIXEL_FORMATS[planar_format_name(facts.pixel_format)]
    return output_color_tags(facts.color, source, PIXEL_FORMATS[plan.resolved.pixel_format], facts.height)
