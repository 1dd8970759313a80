"""Convert text subtitles from one codec to another, through FFmpeg's decoders and encoders.

Decoders return an event in the form of ASS; encoders take that, and keep what their codec has of its styles.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import av
from av.codec.context import CodecContext
from av.subtitles.subtitle import SubtitleSet

from slomo_batch.media.packets import ArchivedPacket, StreamHeader, open_decoder, to_av
from slomo_batch.plan.subtitles import TEXT_CODECS

TICK_S = Fraction(1, 1000)
"""Tick of the text tracks of the output."""
_FIELDS_BEFORE_TEXT = "0,0,Default,,0,0,0,,"
_NUM_FIELDS_BEFORE_TEXT = 8
_ONLY_ONE_AT_A_TIME = frozenset({"mov_text"})
"""Codecs that show one event at a time."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""Bytes that are not UTF-8, as Python's surrogateescape decodes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEvent:
    """A text, and when it is shown, in ticks of TICK_S of the output."""

    start: int
    end: int
    text: str
    """In the form of ASS, without the fields before the text."""


class TextConverter:
    """Converts the events of one track to another codec."""

    def __init__(self, source: StreamHeader, codec: str, *, options: Mapping[str, str] = MappingProxyType({})) -> None:
        """`options` are options of the decoder."""
        decoder: Any = open_decoder(source)
        decoder.options = {**decoder.options, **options}
        decoder.open(strict=False)
        encoder: Any = CodecContext.create(codec, "w")
        encoder.time_base, encoder.subtitle_header = TICK_S, decoder.subtitle_header
        encoder.open()
        self._source, self._decoder, self._encoder = source, decoder, encoder
        self.num_repaired = self.num_damaged = 0
        """Packets in which bytes that are not UTF-8 became question marks, and packets that cannot be decoded."""
        self.header = replace(
            source, codec=codec, decoder="", time_base=TICK_S, extradata=encoder.extradata or b"", codec_tag=""
        )

    def texts(self, packet: ArchivedPacket) -> list[str]:
        """What the packet shows; empty if it cannot be decoded."""
        data = in_utf8(self._source.codec, packet.data)
        self.num_repaired += data != packet.data
        try:
            found = self._decoder.decode2(to_av(replace(packet, data=data), self._source))
        except av.FFmpegError:
            self.num_damaged += 1
            return []
        lines = [rect.ass.decode("utf-8", "replace") for rect in found.rects if rect.type == b"ass"] if found else []
        return [line.split(",", _NUM_FIELDS_BEFORE_TEXT)[-1] for line in lines]

    def packets(self, events: Iterable[TextEvent]) -> Iterator[ArchivedPacket]:
        """The packets of the converted track, in order."""
        ordered: Iterable[TextEvent] = sorted(events, key=lambda event: (event.start, event.end))
        for event in one_at_a_time(ordered) if self.header.codec in _ONLY_ONE_AT_A_TIME else ordered:
            line = f"{_FIELDS_BEFORE_TEXT}{event.text}".encode()
            shown = SubtitleSet.create(text=line, start=0, end=event.end - event.start, pts=0)
            yield ArchivedPacket(
                stream=0,
                pts=event.start,
                dts=event.start,
                duration=event.end - event.start,
                is_keyframe=True,
                is_discarded=False,
                data=bytes(self._encoder.encode_subtitle(shown)),
            )


def in_utf8(codec: str, data: bytes) -> bytes:
    """A packet of text in which each byte that is not UTF-8 is a question mark. FFmpeg decodes no text with such bytes.

    In MP4 a text follows its length in two bytes, and its styles follow the text.
    """
    if codec not in TEXT_CODECS:
        return data
    head, end = (2, 2 + int.from_bytes(data[:2], "big")) if codec == "mov_text" else (0, len(data))
    text = data[head:end].decode("utf-8", "surrogateescape")
    return data[:head] + _NOT_UTF8.sub("?", text).encode() + data[end:]


def one_at_a_time(events: Iterable[TextEvent]) -> Iterator[TextEvent]:
    """The events, ordered by start, as events that do not overlap: where several are shown, their texts are joined."""
    shown: list[TextEvent] = []
    at = 0
    for event in (*events, None):
        until = None if event is None else event.start
        while shown and (until is None or at < until):
            end = min(one.end for one in shown)
            end = end if until is None else min(end, until)
            if end > at:
                yield TextEvent(start=at, end=end, text="\\N".join(one.text for one in shown))
            at, shown = end, [one for one in shown if one.end > end]
        if event is not None:
            at = event.start
            shown.append(event)
