"""Make the output's subtitle tracks: on the time map of the picture, copied or converted to the container's text.

Times inside the payload are retimed too (`subtitle_times`). An event that is not within the output is dropped; one that
begins before it or ends after it is cut. A picture without a duration is shown until the next one, or as long as its
payload says: if it is shown when the output begins, it begins there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path

import av

from slomo_batch.media.made_tracks import MadeTrack, packets_of
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.picture_subtitles import begins_anew, shown_s
from slomo_batch.media.subtitle_text import TICK_S, TextConverter, TextEvent
from slomo_batch.media.subtitle_times import EventClock, retimed_payload
from slomo_batch.plan.containers import Container
from slomo_batch.plan.subtitles import PICTURE_CODECS, TEXT_CODECS, subtitle_codec, subtitle_name

_EMPTY = frozenset({b"", b"\0\0"})
"""Payloads that show nothing: MP4 fills the time between two texts with them."""
_TIMED = frozenset({"mov_text"})
"""Codecs whose packets show nothing without a duration. MP4 and MOV do not store such packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleTiming:
    """When the output's subtitles are shown."""

    output_time: Callable[[Fraction], Fraction]
    """The output's time for a time on the source's clock, both in seconds."""
    duration_s: Fraction
    """Of the output."""

    def begin(self, packet: ArchivedPacket, time_base: Fraction, after_s: Fraction = Fraction(0)) -> Fraction | None:
        """The output's time of the packet, or of so many seconds of the source later; None if it has no time."""
        time = packet.dts if packet.pts is None else packet.pts
        return None if time is None else self.output_time(time * time_base + after_s)

    def ticks(
        self, packet: ArchivedPacket, time_base: Fraction, *, is_shown: bool = False
    ) -> tuple[int, int | None, EventClock] | None:
        """Start and end of a packet in ticks of TICK_S, and the clock of what is inside; None if it is not shown.

        A picture without a duration has no end. With `is_shown`, one that begins before the output begins with it.
        """
        time = packet.dts if packet.pts is None else packet.pts
        if time is None:
            return None
        start_s, duration_s = time * time_base, (packet.duration or 0) * time_base
        begin, end = self.output_time(start_s), self.output_time(start_s + duration_s)
        is_over = end <= 0 if duration_s else begin < 0 and not is_shown
        if begin >= self.duration_s or is_over:
            return None
        start = ceil(max(begin, Fraction(0)) / TICK_S)
        clock = EventClock(start_s=start_s, duration_s=duration_s, output_time=self.output_time)
        return start, ceil(min(end, self.duration_s) / TICK_S) if duration_s else None, clock


def subtitle_track(
    source: Path,
    place: int,
    header: StreamHeader,
    *,
    number: int,
    container: Container,
    timing: SubtitleTiming,
    disposition: tuple[str, ...],
) -> MadeTrack | str | None:
    """The output's track for a subtitle track of the archive `source`.

    A note if it shows nothing within the output or cannot be converted; None if the container does not take it, which
    the plan notes. `number` counts the subtitle tracks from 1.
    """
    codec = subtitle_codec(header.codec, container)
    if not codec:
        return None
    packets = (packet for packet in packets_of(source, place) if packet.data not in _EMPTY)
    name = subtitle_name(number, header.language)
    notes: Callable[[], list[str]] = list
    if codec == header.codec:
        made, kept = _copied(header, packets, timing), replace(header, time_base=TICK_S)
        made = iter(sorted(made, key=lambda packet: packet.pts or 0)) if codec in TEXT_CODECS else made
    else:
        try:
            converter = TextConverter(header, codec)
        except (av.FFmpegError, ValueError) as error:
            return f"{name} is dropped: FFmpeg cannot convert it ({error})"
        made, kept = converter.packets(_events(converter, header, packets, timing)), converter.header
        notes = partial(_notes, name, converter)
    first = next(made, None)
    if first is None:
        return f"{name} is dropped: it shows nothing within the output"
    return MadeTrack(header=kept, packets=_chained(first, made), notes=notes, disposition=disposition)


def _notes(name: str, converter: TextConverter) -> list[str]:
    """What the track lost when it was converted; call it after its packets have been made."""
    notes = []
    if converter.num_repaired:
        notes.append(f"{name}: bytes that are not UTF-8 become ?, in {_texts(converter.num_repaired)}")
    if converter.num_damaged:
        notes.append(f"{name}: {_texts(converter.num_damaged)} not kept: FFmpeg cannot decode this")
    return notes


def _texts(number: int) -> str:
    return f"{number} text{'s' * (number > 1)}"


def _chained(first: ArchivedPacket, others: Iterator[ArchivedPacket]) -> Iterator[ArchivedPacket]:
    yield first
    yield from others


def _copied(
    header: StreamHeader, packets: Iterator[ArchivedPacket], timing: SubtitleTiming
) -> Iterator[ArchivedPacket]:
    if header.codec in PICTURE_CODECS:
        packets = _from_start(header, packets, timing)
    for packet in packets:
        ticks = timing.ticks(packet, header.time_base, is_shown=header.codec in PICTURE_CODECS)
        if ticks is not None and (ticks[1] is not None or header.codec not in _TIMED):
            start, end, clock = ticks
            data = retimed_payload(header.codec, packet.data, clock)
            duration = None if end is None else max(end - start, 1)
            yield replace(packet, pts=start, dts=start, duration=duration, data=data)


def _from_start(
    header: StreamHeader, packets: Iterator[ArchivedPacket], timing: SubtitleTiming
) -> Iterator[ArchivedPacket]:
    """The packets, without those before the output that are not needed for what it shows."""
    earlier: list[ArchivedPacket] = []
    for packet in packets:
        begin, is_new = timing.begin(packet, header.time_base), begins_anew(header.codec, packet.data)
        if begin is None:
            continue
        if is_new and begin <= 0:
            earlier = []
        if begin < 0 and not packet.duration:
            earlier.append(packet)
            continue
        if not is_new or _is_shown_at_start(header, earlier, timing):
            yield from earlier
        earlier = []
        yield packet
    if _is_shown_at_start(header, earlier, timing):
        yield from earlier


def _is_shown_at_start(header: StreamHeader, earlier: Sequence[ArchivedPacket], timing: SubtitleTiming) -> bool:
    """Whether the last of these pictures, which begin before the output, is shown when it begins."""
    if not earlier:
        return False
    lasts_s = shown_s(header.codec, earlier[-1].data)
    return lasts_s is None or (timing.begin(earlier[-1], header.time_base, after_s=lasts_s) or 0) > 0


def _events(
    converter: TextConverter, header: StreamHeader, packets: Iterator[ArchivedPacket], timing: SubtitleTiming
) -> Iterator[TextEvent]:
    for packet in packets:
        ticks = timing.ticks(packet, header.time_base)
        if ticks is not None and ticks[1] is not None:
            for text in converter.texts(packet):
                yield TextEvent(start=ticks[0], end=max(ticks[1], ticks[0] + 1), text=text)
