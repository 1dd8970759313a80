"""Make the output's audio, track by track: kept, stretched at the same pitch, or slowed with falling pitch.

Zero is the time of the first presented video frame; audio before it is dropped. Source second s is heard at s *
slowdown. A track that is kept is copied packet by packet if the container supports its codec. Every other track is
decoded, retimed and encoded with the container's encoder for lossy or for lossless sources. Its length is exact to the
sample.

Input and output are packet archives. Tracks are read, made and merged by time as streams, each at its own position in
the source archive, so memory does not grow with their length.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil, gcd
from pathlib import Path
from typing import Literal

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import Flags

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.audio_clock import Knot
from slomo_batch.media.audio_end import with_stated_end
from slomo_batch.media.av_errors import ffmpeg_errors
from slomo_batch.media.made_tracks import DISPOSITIONS, MadeTrack, packets_of, write_tracks
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, from_av
from slomo_batch.media.pcm import PcmFormat, PcmTrack, fit_length, frame_from_block, resample_audio
from slomo_batch.media.subtitles import SubtitleTiming, subtitle_track
from slomo_batch.media.time_stretch import Block, stretch
from slomo_batch.plan.carriage import audio_name
from slomo_batch.plan.containers import AudioEncoder, Container

Mode = Literal["keep", "stretch", "resample", "drop"]

_LOSSLESS = frozenset({"flac", "alac", "truehd", "mlp", "tta", "wavpack", "ape"})
_PREROLL = {"opus": 5, "flac": 0, "alac": 0}
"""Packets that a decoder needs before the first one heard. Codecs not listed need one, PCM none."""
_LARGEST_RATE = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioResult:
    """The result of making the audio."""

    notes: tuple[str, ...]
    """Differences from the source, one sentence each, for the report."""
    num_tracks: int
    num_subtitles: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _AudioSpec:
    """Settings that apply to every track."""

    source: Path
    mode: Mode
    slowdown: Fraction
    duration_s: Fraction
    container: Container
    zero_s: Fraction
    is_cut: bool
    knots: Sequence[Knot]
    output_time: Callable[[Fraction], Fraction]


def make_audio(
    source: Path,
    out: Path,
    *,
    mode: Mode,
    slowdown: Fraction,
    duration_s: Fraction,
    container: Container,
    zero_s: Fraction,
    is_cut: bool = False,
    knots: Sequence[Knot] = (),
    output_time: Callable[[Fraction], Fraction] | None = None,
) -> AudioResult:
    """Write the packet archive of the output's audio to `out`. `source` is the archive of the source's tracks with
    their own timestamps.

    `duration_s` and `container` are the output's, `zero_s` is the time of the first presented video frame on the
    source's clock. A track that is kept has its own length; every other one lasts `duration_s`. With `is_cut`, the
    output shows a range of the source: a kept track is cut to the sample, and therefore encoded. For a ramp,
    `knots` are those of its audio (`audio_clock`), and `output_time` returns the output's seconds for seconds of the
    source after `zero_s`.

    Raises:
        SegmentInvalid: `source` is not a packet archive, or is damaged.
        SourceUnsupported: FFmpeg cannot encode the audio.
    """
    spec = _AudioSpec(
        source=source,
        mode=mode,
        slowdown=slowdown,
        duration_s=duration_s,
        container=container,
        zero_s=zero_s,
        is_cut=is_cut,
        knots=knots,
        output_time=output_time or (lambda source_s: source_s * slowdown),
    )
    with source.open("rb") as file:
        archive = ArchiveReader(file, str(source))
        headers = archive.headers
    dispositions = archive.note.get(DISPOSITIONS) or [()] * len(headers)
    with ffmpeg_errors(
        SourceUnsupported, "FFmpeg cannot encode the audio", remedy="Set audio: drop.", also=(ValueError,)
    ):
        made = [*_audio_tracks(spec, headers, dispositions), *_subtitles(spec, headers, dispositions)]
        tracks = [track for track in made if isinstance(track, MadeTrack)]
        write_tracks(tracks, out)
    notes = [note for track in made for note in ([track] if isinstance(track, str) else track.notes())]
    num_audio = sum(track.header.kind == "audio" for track in tracks)
    return AudioResult(notes=tuple(notes), num_tracks=num_audio, num_subtitles=len(tracks) - num_audio)


def _audio_tracks(
    spec: _AudioSpec, headers: Sequence[StreamHeader], dispositions: Sequence[Sequence[str]]
) -> list[MadeTrack | str]:
    return [
        _track(spec, place, header, tuple(dispositions[place]))
        for place, header in enumerate(headers)
        if header.kind == "audio" and spec.mode != "drop"
    ]


def _subtitles(
    spec: _AudioSpec, headers: Sequence[StreamHeader], dispositions: Sequence[Sequence[str]]
) -> list[MadeTrack | str]:
    timing = SubtitleTiming(
        output_time=lambda source_s: spec.output_time(source_s - spec.zero_s), duration_s=spec.duration_s
    )
    places = [place for place, header in enumerate(headers) if header.kind == "subtitle"]
    made = [
        subtitle_track(
            spec.source,
            place,
            headers[place],
            number=number,
            container=spec.container,
            timing=timing,
            disposition=tuple(dispositions[place]),
        )
        for number, place in enumerate(places, 1)
    ]
    return [track for track in made if track is not None]


def _track(spec: _AudioSpec, place: int, header: StreamHeader, disposition: tuple[str, ...]) -> MadeTrack | str:
    """The output's track for a track of the source, or a note that says why there is none."""
    packets = partial(packets_of, spec.source, place)
    name = audio_name(place + 1, header.language)
    is_whole = spec.mode == "keep" and not spec.is_cut
    if is_whole and _is_stated(header) and header.codec in spec.container.copied_audio:
        return replace(_copied(spec, name, header, packets()), disposition=disposition)
    pcm = PcmTrack(packets, header, zero_s=spec.zero_s, end_s=spec.duration_s if is_whole else None)
    if pcm.format is None:
        return f"{name} is dropped: none of its packets can be decoded"
    return replace(_encoded(spec, name, header, pcm, pcm.format), disposition=disposition)


def _is_stated(header: StreamHeader) -> bool:
    """True if the header has what a container must state about a copied track."""
    return header.layout != "" and header.sample_rate > 0


# ---- copied --------------------------------------------------------------------------------------------------------


def _copied(spec: _AudioSpec, name: str, header: StreamHeader, packets: Iterator[ArchivedPacket]) -> MadeTrack:
    """The packets unchanged, with timestamps counted from the video's zero.

    Packets that end before zero are dropped, except those that the decoder needs first.
    """
    time_base = _common_tick(header.time_base, spec.zero_s) or Fraction(1, header.sample_rate)
    shifted = _ShiftedPackets(packets, header, time_base, spec.zero_s)
    made = replace(header, time_base=time_base)

    def notes() -> list[str]:
        lost = shifted.num_out_of_order
        return [f"{name}: {lost} packets with non-increasing timestamps are dropped"] if lost else []

    return MadeTrack(header=made, packets=with_stated_end(shifted, made, spec.container), notes=notes)


def _common_tick(time_base: Fraction, zero_s: Fraction) -> Fraction | None:
    """The largest tick of which both are multiples; None if FFmpeg cannot represent it."""
    denominator = time_base.denominator * zero_s.denominator
    tick = Fraction(
        gcd(time_base.numerator * zero_s.denominator, zero_s.numerator * time_base.denominator), denominator
    )
    return tick if tick.denominator <= _LARGEST_RATE else None


class _ShiftedPackets:
    """Packets on the output's clock, with increasing timestamps."""

    def __init__(
        self, packets: Iterable[ArchivedPacket], header: StreamHeader, time_base: Fraction, zero_s: Fraction
    ) -> None:
        self._packets, self._header, self._time_base, self._zero_s = packets, header, time_base, zero_s
        self.num_out_of_order = 0

    def __iter__(self) -> Iterator[ArchivedPacket]:
        preroll = 0 if self._header.codec.startswith("pcm_") else _PREROLL.get(self._header.codec, 1)
        before: deque[ArchivedPacket] = deque(maxlen=preroll)
        last: int | None = None
        for packet in map(self._shifted, self._packets):
            pts = packet.pts or 0
            if last is not None and pts <= last:
                self.num_out_of_order += 1
            elif pts + (packet.duration or 0) <= 0 and pts < 0:
                before.append(packet)
            elif pts < 0 or not packet.is_discarded:
                yield from before
                before.clear()
                yield packet
            last = pts if last is None else max(last, pts)

    def _shifted(self, packet: ArchivedPacket) -> ArchivedPacket:
        time = packet.dts if packet.pts is None else packet.pts
        pts = round(((time or 0) * self._header.time_base - self._zero_s) / self._time_base)
        duration = round((packet.duration or 0) * self._header.time_base / self._time_base)
        return replace(packet, pts=pts, dts=pts, duration=duration)


# ---- decoded, retimed, encoded -------------------------------------------------------------------------------------


def _encoded(spec: _AudioSpec, name: str, header: StreamHeader, pcm: PcmTrack, form: PcmFormat) -> MadeTrack:
    is_lossless = header.codec in _LOSSLESS or header.codec.startswith("pcm_")
    encoder = spec.container.lossless_audio if is_lossless else spec.container.lossy_audio
    source_layout = encoder.source_layout(form.layout, form.num_channels)
    layout, channels = encoder.layout_for(source_layout), av.AudioLayout(source_layout).nb_channels
    rate = encoder.rate_for(form.sample_rate)
    context = _opened(encoder, header=header, rate=rate, layout=layout)
    made = replace(_header_of_encoder(context), language=header.language, title=header.title)
    source = (block[:channels] for block in pcm.blocks())
    kept = replace(form, layout=source_layout, num_channels=channels)
    blocks = _retimed(spec, source, kept, rate, layout)

    def notes() -> list[str]:
        found = []
        if spec.mode == "keep":
            refused = f"{spec.container.suffix} does not support {header.codec}"
            why = refused if _is_stated(header) else "it begins too late to be copied"
            why = "the range is cut to the sample" if spec.is_cut else why
            found.append(f"{name}: {why}, so it is encoded as {made.codec}")
        if channels != form.num_channels:
            found.append(f"{name}: only the first two of {form.num_channels} channels are kept")
        if layout != source_layout:
            found.append(f"{name}: mixed from {form.layout} to {layout}, which {encoder.title} supports")
        if rate != form.sample_rate:
            found.append(f"{name}: resampled from {form.sample_rate} to {rate} Hz, which {encoder.title} supports")
        if pcm.has_wrong_times:
            found.append(f"{name}: its timestamps do not fit the length of its samples, so they are not used")
        if pcm.ends_in_gap:
            found.append(f"{name}: ends before a gap in its timestamps that is longer than the video")
        if pcm.num_damaged:
            found.append(f"{name}: {pcm.num_damaged} damaged packets are replaced with silence")
        return found

    return MadeTrack(header=made, packets=_encode(context, blocks), notes=notes)


def _retimed(spec: _AudioSpec, blocks: Iterator[Block], form: PcmFormat, rate: int, layout: str) -> Iterator[Block]:
    """The samples of the output track, at `rate` and in this channel layout."""
    num_samples = ceil(spec.duration_s * form.sample_rate)
    match spec.mode:
        case "keep" | "drop":
            retimed = blocks
        case "stretch":
            retimed = stretch(
                blocks,
                slowdown=spec.slowdown,
                sample_rate=form.sample_rate,
                num_channels=form.num_channels,
                num_samples=num_samples,
                knots=spec.knots,
            )
        case "resample":
            rate_in, made = _resample_rates(spec.slowdown, form.sample_rate)
            retimed = resample_audio(blocks, form.layout, rate_in, made)
    if (rate, layout) != (form.sample_rate, form.layout):
        retimed = resample_audio(retimed, form.layout, form.sample_rate, rate, layout_out=layout)
    if spec.mode == "keep" and not spec.is_cut:
        return retimed
    return fit_length(retimed, round(spec.duration_s * rate), av.AudioLayout(layout).nb_channels)


def _resample_rates(slowdown: Fraction, sample_rate: int) -> tuple[int, int]:
    """Two sample rates whose ratio is the slowdown.

    Resampling audio from the first to the second, and then playing it at its original rate, slows it down.
    """
    largest = max(1, _LARGEST_RATE // (sample_rate * ceil(slowdown)))
    ratio = slowdown.limit_denominator(largest)
    return sample_rate * ratio.denominator, sample_rate * ratio.numerator


def _opened(encoder: AudioEncoder, *, header: StreamHeader, rate: int, layout: str) -> AudioCodecContext:
    """An opened encoder: its global header goes into the head of the archive, before the first packet."""
    context = av.Codec(encoder.name, "w").create("audio")
    context.sample_rate, context.layout = rate, layout
    context.time_base = Fraction(1, rate)
    context.format = encoder.sample_format_for(header.sample_format)
    if encoder.bits_per_channel is not None:
        context.bit_rate = encoder.bits_per_channel * context.layout.nb_channels
    context.flags = Flags(context.flags | Flags.global_header)
    context.open()
    return context


def _header_of_encoder(context: AudioCodecContext) -> StreamHeader:
    return StreamHeader(
        kind="audio",
        codec=context.codec.canonical_name,
        time_base=Fraction(1, context.sample_rate),
        extradata=context.extradata or b"",
        sample_rate=context.sample_rate,
        layout=context.layout.name,
        sample_format=context.format.name,
        bit_rate=context.bit_rate or 0,
    )


def _encode(context: AudioCodecContext, blocks: Iterable[Block]) -> Iterator[ArchivedPacket]:
    """The packets of the track. If the encoder has a delay, their times start before zero, so that zero stays zero."""
    position = 0
    for block in blocks:
        frame = frame_from_block(block, context.layout.name, context.sample_rate)
        frame.pts, frame.time_base = position, Fraction(1, context.sample_rate)
        position += block.shape[1]
        for packet in context.encode(frame):
            yield _timed_by_pts(packet)
    for packet in context.encode(None):
        yield _timed_by_pts(packet)


def _timed_by_pts(packet: "av.Packet[av.AudioStream]") -> ArchivedPacket:
    archived = from_av(packet, 0)
    return replace(archived, dts=archived.pts)
