"""Read the scan flags of a decoded frame: progressive, or which field is shown first.

PyAV states whether a frame is interlaced, but not which of its fields is first. FFmpeg's select filter knows.
"""

from fractions import Fraction

import av
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph

from slomo_batch.records.source_facts import FieldOrder

_ORDERS: tuple[FieldOrder, ...] = ("progressive", "tff", "bff")
"""By number of the filter's output."""
_OUTPUT = "1+eq(interlace_type,TOPFIRST)+2*eq(interlace_type,BOTTOMFIRST)"


class ScanFlags:
    """Reads the scan flags of frames, of any size and format."""

    def __init__(self) -> None:
        self._kind: tuple[int, int, str] | None = None
        self._filter: _Select | None = None

    def order_of(self, frame: av.VideoFrame) -> FieldOrder:
        """The scan flag of this frame."""
        if not frame.interlaced_frame:
            return "progressive"
        kind = frame.width, frame.height, frame.format.name
        if self._filter is None or kind != self._kind:
            self._kind, self._filter = kind, _Select(*kind)
        return self._filter.order_of(frame)


class _Select:
    """A filter graph that passes each frame to the output of its field order."""

    def __init__(self, width: int, height: int, pixel_format: str) -> None:
        self._graph = graph = Graph()  # kept: its filters do not keep it alive
        graph.threads = 1
        layout = av.VideoFormat(pixel_format, width, height)
        self._source = graph.add_buffer(width=width, height=height, format=layout, time_base=Fraction(1, 1000))
        select = graph.add("select", f"expr='{_OUTPUT}':outputs={len(_ORDERS)}")
        self._source.link_to(select)
        self._sinks = [graph.add("buffersink", name=order) for order in _ORDERS]
        for number, sink in enumerate(self._sinks):
            select.link_to(sink, number, 0)
        graph.configure()

    def order_of(self, frame: av.VideoFrame) -> FieldOrder:
        self._source.push(frame)
        found: FieldOrder = "progressive"
        for order, sink in zip(_ORDERS, self._sinks, strict=True):
            try:
                sink.pull()
                found = order
            except (NothingYet, NothingMore):
                continue
        return found
