"""FrameMaker: make the output frames of one chunk in order: source frames unchanged, the others held or interpolated.

Alpha is a picture of its own (`layers`): it is interpolated by the same method, separately from the color.

Every decision about a pair depends only on the plan and the source frames around the pair, so it does not depend on
where chunks begin, and pairs can be made at once. If a pair has very many frames, they are made one at a time: memory
does not grow with their number.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, groupby, islice, repeat, tee
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import to_rgb
from slomo_batch.color.formats import convert
from slomo_batch.color.streams import SharedTensor, own_stream
from slomo_batch.color.transfers import Download
from slomo_batch.errors import FrameMissing
from slomo_batch.interpolators import overlays
from slomo_batch.interpolators.contract import AnyInterpolator, Frame, Held, context_of, device_of, pair_bytes
from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind, classify_pair
from slomo_batch.interpolators.duplicate import nearest_frames
from slomo_batch.interpolators.out_of_memory import out_of_memory_mapped
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.pair_doubts import HELD_FROM
from slomo_batch.records.commits import FrameKind
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.settings import Interpolate
from slomo_batch.steps.judged_frames import BYTES_PER_PX, MadeFrame, judged_frames
from slomo_batch.steps.layers import layers_between
from slomo_batch.steps.output_color import output_color, source_format
from slomo_batch.steps.pair_pool import Job
from slomo_batch.steps.stopwatch import Stopwatch
from slomo_batch.timeline.retiming import FrameTime

T = TypeVar("T")
AT_ONCE_PX, AT_ONCE_FRAMES = 1 << 26, range(8, 257)
"""Pixels of a pair's frames that are made before the first is returned (32 frames of 1080p), and the limits on their
number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFrame:
    """One output frame: its picture in the output's pixel format, and how it was made."""

    picture: Picture
    pair: int
    """Number of the pair that it belongs to."""
    kind: FrameKind
    hash: str
    """Of the picture."""
    doubt: int | None = None
    """How much the method doubts its frames of the pair, in sixteenths; None if it did not judge them."""


class SourceWindow:
    """The source frames around the current pair. Pictures are read only as far as a pair needs them.

    `first` is the number of the source frame that `pictures` yields first, and `context` the number of frames on either
    side of a pair.
    """

    def __init__(self, pictures: Iterable[Picture], *, first: int, context: int) -> None:
        self._pictures = iter(pictures)
        self._next = first
        self._context = context
        self._held: dict[int, Picture] = {}

    def around(self, pair: int) -> list[Picture | None]:
        """Source frames pair - context .. pair + 1 + context; None before the first and after the last of the video."""
        first, last = pair - self._context, pair + 1 + self._context
        while self._next <= last and (picture := next(self._pictures, None)) is not None:
            self._held[self._next] = picture
            self._next += 1
        self._held = {number: picture for number, picture in self._held.items() if number >= first}
        return [self._held.get(number) for number in range(first, last + 1)]


class FrameMaker:
    """Makes the output frames of one chunk from its decoded source frames."""

    def __init__(self, plan: VideoPlan, interpolator: AnyInterpolator, watch: Stopwatch) -> None:
        source = source_format(plan)
        self._settings: Interpolate = plan.request.settings.interpolate
        self._part_starts = frozenset(plan.facts.part_starts)
        self._context = plan.resolved.context
        self._interpolator = interpolator
        self._device = device_of(interpolator)
        self._output = PIXEL_FORMATS[plan.resolved.pixel_format]
        self._spec = ColorSpec.of(
            plan.facts.color, source.opaque, plan.facts.height, output_range=output_color(plan).range
        )
        self._layers = layers_between(source, self._output, self._spec)
        self._threads = plan.resolved.threads
        self._watch = watch
        self._size = plan.facts.width, plan.facts.height
        self._rgb: dict[int, tuple[_SharedRgb, ...]] = {}
        self.num_made = 0
        """Output frames made so far, in all threads; for displays."""
        self._counting = threading.Lock()

    def parts(
        self, window: SourceWindow, chunk: Chunk, times: Iterable[FrameTime]
    ) -> Iterator[Job[OutputFrame] | Iterator[OutputFrame]]:
        """The output frames of the chunk, in order, a part for each pair; `times` are theirs, in order too.

        A part is a job, which can run on any thread; or an iterator if its frames are too many to be made at once. The
        iterator must be exhausted before the next part is taken.
        """
        by_pair = groupby(times, key=lambda time: time.pair)
        upcoming = next(by_pair, None)
        for pair in range(chunk.first_pair, chunk.end_pair):
            around = window.around(pair)
            if upcoming is None or upcoming[0] != pair:
                continue
            seen = self._seen(pair, around)
            these = (time.t for time in upcoming[1])
            first = list(islice(these, self._most_at_once + 1))
            if len(first) > self._most_at_once:
                yield self._one_by_one(seen, chain(first, these))
            else:
                num_bytes = len(self._layers) * self._pair_bytes(len(first))
                yield Job(run=partial(self._whole_pair, seen, first), num_bytes=num_bytes, cores=self._threads)
            upcoming = next(by_pair, None)

    def _pair_bytes(self, num_frames: int) -> int:
        width, height = self._size
        of_blending = BYTES_PER_PX * width * height if self._settings.doubt == "blend" else 0
        return pair_bytes(self._interpolator, width, height, num_frames) + of_blending

    @property
    def _most_at_once(self) -> int:
        """The most frames of a pair that are made before the first is returned."""
        return max(AT_ONCE_FRAMES.start, min(AT_ONCE_PX // (self._size[0] * self._size[1]), AT_ONCE_FRAMES.stop - 1))

    def _seen(self, pair: int, around: Sequence[Picture | None]) -> "_SeenPair":
        """The pair and the source frames around it, of which each is converted to RGB once."""
        first = pair - self._context
        known = self._rgb
        self._rgb = {
            number: known.get(number) or self._shared(picture)
            for number, picture in enumerate(around, start=first)
            if picture is not None
        }
        rgb = [self._rgb.get(number) for number in range(first, first + len(around))]
        return _SeenPair(number=pair, pictures=tuple(around), rgb=tuple(rgb), context=self._context)

    def _shared(self, picture: Picture) -> "tuple[_SharedRgb, ...]":
        return tuple(
            _SharedRgb(one, layer.spec, self._device, self._watch)
            for one, layer in zip(picture.layers, self._layers, strict=True)
        )

    def _whole_pair(self, seen: "_SeenPair", times: Iterable[Fraction]) -> list[OutputFrame]:
        download = Download()
        with own_stream(self._device):
            made = list(self._counted(self._pair(seen, times, download)))
            self._wait(download)
        return [self._frame(seen.number, shown) for shown in made]

    def _one_by_one(self, seen: "_SeenPair", times: Iterable[Fraction]) -> Iterator[OutputFrame]:
        download = Download()
        for shown in self._counted(self._pair(seen, times, download)):
            self._wait(download)
            yield self._frame(seen.number, shown)

    def _counted(self, frames: Iterable[T]) -> Iterator[T]:
        """Count frames as they are made, and not those of a pair that fails, which may be made again."""
        number = 0
        try:
            for number, frame in enumerate(frames, start=1):  # noqa: B007 subtracted if a later one fails
                self._count(1)
                yield frame
        except Exception:
            self._count(-number)
            raise

    def _count(self, number: int) -> None:
        with self._counting:
            self.num_made += number

    def _wait(self, download: Download) -> None:
        with self._watch.stage("model"):  # which computes meanwhile
            download.wait()

    def _pair(self, seen: "_SeenPair", times: Iterable[Fraction], download: Download) -> Iterator["_Shown"]:
        """Yield each output frame, which is complete after `download`."""
        i0, i1 = seen.i0_i1
        if i0 is None:
            raise FrameMissing(f"the decoder did not return source frame {seen.number}")
        upcoming = iter(times)
        for t in upcoming:
            if t == 0:
                yield _Shown(picture=self._source(i0), kind="source")
            elif i1 is None:
                raise FrameMissing(f"the decoder did not return source frame {seen.number + 1}")
            else:  # times increase: this one and all later ones are between the two source frames
                yield from self._between(seen, (i0, i1), chain((t,), upcoming), download)

    def _between(
        self, seen: "_SeenPair", i0_i1: tuple[Picture, Picture], times: Iterable[Fraction], download: Download
    ) -> Iterator["_Shown"]:
        pair_kind = self._pair_kind(seen)
        if pair_kind is PairKind.MOVING:
            yield from self._made(seen, i0_i1, times, download)
            return
        kind: FrameKind = "held_at_cut" if pair_kind is PairKind.CUT else "held_repeat"
        for held in nearest_frames(times):
            yield _Shown(picture=self._source(i0_i1[held is Held.SECOND]), kind=kind)

    def _made(
        self, seen: "_SeenPair", i0_i1: tuple[Picture, Picture], times: Iterable[Fraction], download: Download
    ) -> Iterator["_Shown"]:
        level: Tensor | None = None
        for layers in self._interpolate(seen, i0_i1, times):
            color = layers[0]
            if level is None and color.level is not None:
                level = download.add(color.level)
            held = None if color.held is None else i0_i1[color.held is Held.SECOND]
            picture = self._picture([layer.frame for layer in layers], i0_i1, download)
            yield _Shown(picture=picture, kind="made", level=level, held=held)

    def _pair_kind(self, seen: "_SeenPair") -> PairKind:
        if seen.number + 1 in self._part_starts:
            kind = PairKind.CUT
        else:
            with self._watch.stage("judge"):
                kind = classify_pair(seen.within(seen.pictures, CONTEXT))
        ignored = kind is PairKind.CUT and self._settings.cuts == "ignore"
        return PairKind.MOVING if ignored else kind

    def _interpolate(
        self, seen: "_SeenPair", i0_i1: tuple[Picture, Picture], times: Iterable[Fraction]
    ) -> Iterator[Sequence[MadeFrame]]:
        """Yield the layers of each frame. Alpha that is the same in both source frames is held."""
        if len(self._layers) == 1:
            return zip(self._interpolate_layer(seen, 0, times))
        if np.array_equal(i0_i1[0].planes[-1], i0_i1[1].planes[-1]):
            return zip(self._interpolate_layer(seen, 0, times), repeat(MadeFrame(Held.FIRST)))
        times, of_alpha = tee(times)
        color, alpha = self._interpolate_layer(seen, 0, times), self._interpolate_layer(seen, 1, of_alpha)
        return zip(color, alpha, strict=True)

    def _interpolate_layer(self, seen: "_SeenPair", layer: int, times: Iterable[Fraction]) -> Iterator[MadeFrame]:
        rgb = seen.within(seen.rgb, context_of(self._interpolator))
        window = [None if shared is None else shared[layer].tensor() for shared in rgb]
        doubt, overlay = self._settings.doubt, None
        if doubt == "blend":
            with self._watch.stage("judge"):
                overlay = overlays.static_overlay(seen.within(seen.pictures, overlays.CONTEXT))
        return self._watch.each("model", judged_frames(self._interpolator, doubt, window, times, overlay))

    def _picture(self, frame: Sequence[Frame], i0_i1: tuple[Picture, Picture], download: Download) -> Picture:
        """The picture of these layers. If the color is held, so is alpha."""
        if isinstance(frame[0], Held):
            return self._source(i0_i1[frame[0] is Held.SECOND])
        with self._watch.stage("color"), out_of_memory_mapped(*self._size):
            made = [
                layer.held(i0_i1[of_layer is Held.SECOND].layers[place])
                if isinstance(of_layer, Held)
                else layer.made(of_layer, download)
                for place, (layer, of_layer) in enumerate(zip(self._layers, frame, strict=True))
            ]
            picture = Picture.of_layers(made)
            return picture if picture.format == self._output else picture.with_opaque_alpha()

    def _source(self, picture: Picture) -> Picture:
        with self._watch.stage("color"):
            return convert(picture, self._output, self._spec)

    def _frame(self, pair: int, shown: "_Shown") -> OutputFrame:
        """Return an output frame that is complete, or in its place the source frame that is held in doubt."""
        picture, kind = shown.picture, shown.kind
        doubt = None if shown.level is None else int(shown.level.numpy())
        if doubt is not None and shown.held is not None and doubt >= HELD_FROM:
            picture, kind = self._source(shown.held), "held_in_doubt"
        with self._watch.stage("hash"):
            return OutputFrame(picture=picture, pair=pair, kind=kind, hash=picture.hash(), doubt=doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """An output frame whose samples and doubt may be on their way from the device."""

    picture: Picture
    kind: FrameKind
    level: Tensor | None = None
    """The doubt of its pair in sixteenths; None if the method did not judge it."""
    held: Picture | None = None
    """The source frame that is shown instead if the pair is held in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeenPair:
    """A pair, and everything that its frames depend on."""

    number: int
    pictures: tuple[Picture | None, ...]
    """Source frames number - context .. number + 1 + context; None before the first and after the last of the video."""
    rgb: "tuple[tuple[_SharedRgb, ...] | None, ...]"
    """The same as RGB, by layer."""
    context: int

    @property
    def i0_i1(self) -> tuple[Picture | None, Picture | None]:
        """The two source frames of the pair."""
        return self.pictures[self.context], self.pictures[self.context + 1]

    def within(self, frames: Sequence[T], context: int) -> Sequence[T]:
        """The part with so many frames on either side of the pair."""
        return frames[self.context - context : self.context + 2 + context]


class _SharedRgb:
    """A source frame as RGB on the interpolator's device, converted by the first pair that needs it."""

    def __init__(self, picture: Picture, spec: ColorSpec, device: torch.device, watch: Stopwatch) -> None:
        self._picture, self._spec, self._device, self._watch = picture, spec, device, watch
        self._lock = threading.Lock()
        self._shared: SharedTensor | None = None

    def tensor(self) -> Tensor:
        """RGB, fp32, [3, H, W], for work on the current stream."""
        with self._lock:
            if self._shared is None:
                with (
                    self._watch.stage("color"),
                    out_of_memory_mapped(self._picture.width, self._picture.height),
                ):
                    self._shared = SharedTensor(to_rgb(self._picture, self._spec, self._device))
            return self._shared.read()
