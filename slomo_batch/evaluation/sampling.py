"""Choose the seconds of an archive that a self-test measures: spread over its videos, those with motion preferred."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from slomo_batch.errors import SourceUnsupported, StorageError, VideoError
from slomo_batch.media.excerpts import ExcerptReader, open_excerpts
from slomo_batch.media.reader import RangeReader
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.report.units import without_uri
from slomo_batch.serialization import digest
from slomo_batch.settings import Range
from slomo_batch.timeline.instants import parse_instant

PLACES = 3
"""Places that are looked at for each second that is chosen: the one where most moves is taken."""
MAX_LEFT_OUT = 50
"""Videos that may turn out not to be measurable before no others are tried."""

OpenReader = Callable[[Source], RangeReader]
OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledSecond:
    """A second of a video."""

    request: VideoRequest
    at_s: Fraction
    """Where it begins, in seconds from the start of the video."""
    motion: float
    """How much moves there: see `media.excerpts.Glance`."""
    rate: Fraction
    """Pictures per second."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A video, or a second of it, that cannot be measured."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """The chosen seconds, and what was left out on the way."""

    seconds: tuple[SampledSecond, ...]
    left_out: tuple[LeftOut, ...]


def choose_seconds(
    requests: Sequence[VideoRequest], num: int, *, seed: str, reader_of: OpenReader, on_text: OnText
) -> Sampling:
    """Choose up to `num` seconds of these videos: of as many videos as possible, and several of each if there are few.

    The same videos and the same seed give the same seconds. Of each video the header and a few pictures are read.
    """
    ordered = sorted(requests, key=lambda request: digest("self-test", seed, request.source.uri))
    num_places = PLACES * -(-num // len(ordered)) if ordered else 0
    chosen: list[list[SampledSecond]] = []
    left_out: list[LeftOut] = []
    for request in ordered:
        if len(chosen) >= num or len(left_out) >= MAX_LEFT_OUT:
            break
        on_text(f"choosing seconds: {len(chosen) + 1} of {min(num, len(ordered))}")
        try:
            with open_excerpts(reader_of(request.source), request.source.uri) as excerpts:
                chosen.append(_best_first(request, excerpts, num_places, seed))
        except (VideoError, StorageError) as error:
            left_out.append(left_out_for(request, error))
    rounds = (found[place : place + 1] for place in range(num_places) for found in chosen)
    return Sampling(seconds=tuple(second for found in rounds for second in found)[:num], left_out=tuple(left_out))


def left_out_for(request: VideoRequest, error: VideoError | StorageError) -> LeftOut:
    """A video that is left out because of this error."""
    return LeftOut(uri=request.source.uri, reason=without_uri(str(error), request.source.uri))


def _best_first(request: VideoRequest, excerpts: ExcerptReader, num: int, seed: str) -> list[SampledSecond]:
    """Look at so many places of a video; the seconds that begin there, those where most moves first."""
    glances = [excerpts.glance(at_s) for at_s in _places(request, excerpts, num, seed)]
    scan = excerpts.scan(request.settings.scan, request.settings.deinterlace)
    if scan.varies or scan.field_order != "progressive":
        raise SourceUnsupported(
            "it is interlaced or telecined, and a self-test removes whole pictures only", where=request.source.uri
        )
    found = sorted((glance for glance in glances if glance), key=lambda glance: -glance.motion)
    return [
        SampledSecond(
            request=request,
            at_s=glance.at_s,
            motion=glance.motion,
            rate=excerpts.rate,
            width=excerpts.width,
            height=excerpts.height,
        )
        for glance in found
    ]


def _places(request: VideoRequest, excerpts: ExcerptReader, num: int, seed: str) -> Iterator[Fraction]:
    """Yield where up to `num` seconds begin that do not overlap, one at random in each part of the video."""
    begin_s, end_s = _part(request.settings.retime.range, excerpts)
    if not excerpts.duration_s:  # not stated, so no other place is known to exist
        yield Fraction(0)
        return
    length_s = end_s - begin_s
    if length_s < 1:
        raise SourceUnsupported("it is shorter than a second", where=request.source.uri, got=f"{float(length_s):.2f} s")
    random = Random(digest("self-test", seed, request.source.uri))  # noqa: S311 chosen to be the same each time
    num = min(num, int(length_s))
    for place in range(num):
        yield begin_s + place * length_s / num + Fraction(random.random()) * (length_s / num - 1)


def _part(wanted: Range, excerpts: ExcerptReader) -> tuple[Fraction, Fraction]:
    """Where the part of the video begins and ends that the job makes, in seconds."""

    def seconds(text: str, unset: Fraction) -> Fraction:
        return parse_instant(text).at(excerpts.rate) if text else unset

    begin_s = seconds(wanted.start, Fraction(0))
    end_s = begin_s + seconds(wanted.duration, Fraction(0)) if wanted.duration else seconds(wanted.end, Fraction(0))
    return begin_s, min(end_s, excerpts.duration_s) if end_s else excerpts.duration_s
