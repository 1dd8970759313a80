"""Closed captions in the side data of pictures: read from decoded frames, and made into a subtitle track.

CEA-608 captions are pairs of bytes, a few in each picture, that together control one screen of text (ANSI/CTA-608-E).
The workers return the pairs of the frames that they own; only the stitch has all of them, and decodes them in order
with FFmpeg's decoder. CEA-708 captions, which this build of FFmpeg cannot decode, are only counted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from typing import Any, cast

import av

from slomo_batch.media.frame_side_data import frame_side_data
from slomo_batch.media.made_tracks import MadeTrack
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.subtitle_text import TICK_S, TextConverter, TextEvent
from slomo_batch.media.subtitles import SubtitleTiming
from slomo_batch.plan.containers import Container
from slomo_batch.records.commits import FrameCaptions

CAPTIONS = "A53_CC"
"""FFmpeg's side data of frames: triplets of a marker and a pair of bytes (ATSC A/53 Part 4)."""
_VALID, _TYPE, _PARITY = 0x04, 0x03, 0x7F
_FIELDS = frozenset({0, 1})
"""Types of triplets that belong to CEA-608; the others belong to CEA-708."""
_PADDING = bytes.fromhex("fc8080")
_PLACE = re.compile(r"\{\\an\d\}|\{\\pos\([^)]*\)\}")
"""Tags of ASS for the place on the screen, which not all codecs have."""
_LATENCY_S = Fraction(1, 5)
"""The decoder joins changes of the screen that follow one another faster than this."""


def captions_of(frame: av.VideoFrame, number: int) -> FrameCaptions | None:
    """The captions of source frame `number`; None if it has none."""
    return captions_in(caption_bytes(frame), number)


def caption_bytes(frame: av.VideoFrame) -> bytes:
    """The side data of a frame that holds its captions; empty if it has none."""
    side = frame_side_data(frame).get(CAPTIONS)
    return b"" if side is None else bytes(cast("Any", side))


def captions_in(data: bytes, number: int) -> FrameCaptions | None:
    """The captions in the side data of source frame `number`; None if it has none."""
    triplets = [data[at : at + 3] for at in range(0, len(data) - 2, 3)]
    used = [one for one in triplets if one[0] & _VALID and (one[1] & _PARITY or one[2] & _PARITY)]
    pairs = [one for one in used if one[0] & _TYPE in _FIELDS]
    if not used:
        return None
    return FrameCaptions(frame=number, pairs=b"".join(pairs).hex(), has_708=len(pairs) < len(used))


def caption_track(
    captions: Sequence[FrameCaptions], times_s: Sequence[Fraction], container: Container, timing: SubtitleTiming
) -> MadeTrack | None:
    """A subtitle track of the captions, in the container's text; None if they show nothing.

    `captions` are those of the whole video in order, `times_s` the times of their frames on the clock of `timing`.
    """
    source = StreamHeader(kind="subtitle", codec="eia_608", decoder="cc_dec", time_base=TICK_S)
    converter = TextConverter(source, container.text_subtitles, options={"real_time": "1"})
    packets = [
        _packet(time_s, bytes.fromhex(one.pairs)) for one, time_s in zip(captions, times_s, strict=True) if one.pairs
    ]
    events = list(_events(_screens(converter, packets), timing))
    if not events:
        return None
    return MadeTrack(header=converter.header, packets=converter.packets(events), notes=list, disposition=("captions",))


def _packet(time_s: Fraction, data: bytes) -> ArchivedPacket:
    time = round(time_s / TICK_S)
    return ArchivedPacket(stream=0, pts=time, dts=time, duration=None, is_keyframe=True, is_discarded=False, data=data)


def _padded(packets: Sequence[ArchivedPacket]) -> Iterator[ArchivedPacket]:
    """The packets, and after each pause an empty one, at which the decoder returns the last change."""
    latency = round(_LATENCY_S / TICK_S)
    for packet, following in zip(packets, (*packets[1:], None), strict=True):
        yield packet
        due = (packet.pts or 0) + latency
        if following is None or (following.pts or 0) > due:
            yield _packet(due * TICK_S, _PADDING)


def _screens(converter: TextConverter, packets: Sequence[ArchivedPacket]) -> Iterator[tuple[Fraction, str]]:
    """Each new text of the screen, which may be empty, and when it appears in the source, in seconds."""
    shown = ""
    for packet in _padded(packets):
        for line in converter.texts(packet):
            text = _PLACE.sub("", line).strip()
            if text != shown:
                shown = text
                yield (packet.pts or 0) * TICK_S, text


def _events(screens: Iterable[tuple[Fraction, str]], timing: SubtitleTiming) -> Iterator[TextEvent]:
    """The texts as events of the output. Each ends when the next one appears, the last one with the video."""
    starts = list(screens)
    last = ceil(timing.duration_s / TICK_S)
    for place, (start_s, text) in enumerate(starts):
        start = max(ceil(timing.output_time(start_s) / TICK_S), 0)
        end = last if place + 1 == len(starts) else ceil(timing.output_time(starts[place + 1][0]) / TICK_S)
        if text and start < min(end, last):
            yield TextEvent(start=start, end=min(end, last), text=text)


def caption_notes(captions: Sequence[FrameCaptions], *, lacks_earlier: bool = False) -> tuple[str, ...]:
    """What becomes of the closed captions, for the report. `lacks_earlier`: those before the range were not read."""
    notes: tuple[str, ...] = ()
    if any(one.pairs for one in captions):
        notes += ("closed captions (CEA-608) become a subtitle track and are no longer in the pictures",)
        if lacks_earlier:
            notes += ("the first closed captions of the range may be missing: those before it were not read",)
    if any(one.has_708 for one in captions):
        notes += ("closed captions in CEA-708 are not kept",)
    return notes
