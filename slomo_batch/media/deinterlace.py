"""Deinterlace pictures with FFmpeg's bwdif filter: each field, or each picture, becomes a whole frame.

The filter keeps the lines of one field and makes the lines between them from the fields around it. It reads one picture
on either side of the current one and keeps no other state. So a new filter gives the same frames wherever a run of
pictures starts, except for the first and the last picture of the run. It filters every plane field by field, chroma of
4:2:0 included. Chroma lines of interlaced 4:2:0 are at the same heights of the picture as those of progressive 4:2:0,
so its frames are progressive pictures in the same pixel format.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice

import av
import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph
from av.filter.context import FilterContext

from slomo_batch.media.frames import frame_from_picture, picture_from_frame
from slomo_batch.picture import PIXEL_FORMATS, Picture, PixelFormat
from slomo_batch.records.source_facts import Scan

MODES = {1: "send_frame", 2: "send_field"}
"""The filter's mode, by the number of frames that it makes of a picture."""
MIN_PLANE_COLUMNS, MIN_PLANE_ROWS = 3, 4
"""The smallest plane that the filter accepts."""
_NOT_FILTERED = frozenset({"yuv440p10le", "yuv440p12le"})
"""Formats that the filter does not know."""


def can_deinterlace(form: PixelFormat, width: int, height: int) -> bool:
    """True if the filter takes pictures of this format and size."""
    shapes = [form.plane_shape(number, width, height) for number in range(form.num_planes)]
    is_large_enough = all(rows >= MIN_PLANE_ROWS and columns >= MIN_PLANE_COLUMNS for rows, columns in shapes)
    return is_large_enough and form.name not in _NOT_FILTERED


def deinterlaced(pictures: Iterable[Picture], scan: Scan) -> Iterator[Picture]:
    """The frames of successive interlaced pictures, in order: `scan.frames_per_picture` of each.

    The first and the last picture of the run lack a neighbor, so only those of the whole video are right. The filter
    makes the first or the last frame of a run of its field alone, but not that of a run of one picture: it is filtered
    twice in a row.
    """
    run = iter(pictures)
    head = list(islice(run, 2))
    if len(head) == 1:
        twice = list(_filtered([*head, *head], scan))
        yield from (twice[0], twice[-1]) if scan.frames_per_picture == 2 else twice[:1]
    else:
        yield from _filtered(chain(head, run), scan)


def _filtered(pictures: Iterable[Picture], scan: Scan) -> Iterator[Picture]:
    graphs: list[_Bwdif] = []
    for picture in pictures:
        layers = picture.layers
        graphs = graphs or [_Bwdif(layer, scan) for layer in layers]
        yield from map(Picture.of_layers, zip(*map(_Bwdif.add, graphs, layers), strict=True))
    yield from map(Picture.of_layers, zip(*map(_Bwdif.finish, graphs), strict=True))


class _Bwdif:
    """One filter graph."""

    def __init__(self, first: Picture, scan: Scan) -> None:
        self._format = first.format
        self._filter_format = _filter_format(first.format)
        self._num_pictures = 0
        self._graph = graph = Graph()  # kept: its filters do not keep it alive
        graph.threads = 1
        layout = av.VideoFormat(self._filter_format.name, first.width, first.height)
        self._source = graph.add_buffer(
            width=first.width, height=first.height, format=layout, time_base=Fraction(1, 1000)
        )
        options = f"mode={MODES[scan.frames_per_picture]}:parity={scan.field_order}:deint=all"
        bwdif = graph.add("bwdif", options)
        self._sink = graph.add("buffersink")
        self._source.link_to(bwdif)
        bwdif.link_to(self._sink)
        graph.configure()

    def add(self, picture: Picture) -> Iterator[Picture]:
        frame = frame_from_picture(Picture(format=self._filter_format, planes=picture.planes))
        frame.pts, frame.time_base = self._num_pictures, Fraction(1, 1000)
        self._num_pictures += 1
        self._source.push(frame)
        yield from self._ready()

    def finish(self) -> Iterator[Picture]:
        self._source.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Picture]:
        for frame in _pull_frames(self._sink):
            if frame.format.name != self._filter_format.name:
                raise AssertionError(f"bwdif has converted {self._filter_format.name} to {frame.format.name}")
            planes = picture_from_frame(frame, self._filter_format).planes
            if self._filter_format is not self._format:
                planes = tuple(np.minimum(plane, self._format.max_value) for plane in planes)
            yield Picture(format=self._format, planes=planes)


def _filter_format(form: PixelFormat) -> PixelFormat:
    """The format in which the filter takes the samples: gray of 10 to 14 bits as gray of 16 bits."""
    return PIXEL_FORMATS["gray16le"] if form.model == "gray" and form.bit_depth > 8 else form


def _pull_frames(sink: FilterContext) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = sink.pull()
        except (NothingYet, NothingMore):
            return
        if isinstance(frame, av.VideoFrame):
            yield frame
