"""Excerpts: successive pictures from any place of a source, found by seeking, without an index of its packets."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from statistics import median

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from slomo_batch.media.av_errors import reading
from slomo_batch.media.deinterlace import can_deinterlace
from slomo_batch.media.demux import main_video, open_source
from slomo_batch.media.frames import picture_from_frame, planar_format_name
from slomo_batch.media.motion import SMALL_PX, differences
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import Rgb, averaged
from slomo_batch.media.scan_samples import PictureSamples
from slomo_batch.plan.scan import ScanEvidence, decide_scan
from slomo_batch.records.source_facts import Scan
from slomo_batch.settings import Deinterlace, ScanSetting

GLANCE_PICTURES = 9
"""Pictures that a glance looks at."""
_USUAL_RATE = Fraction(25)
"""If neither container nor codec states a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a few successive pictures show."""

    at_s: Fraction
    """Where they begin, in seconds from the start of the video."""
    motion: float
    """How much moves: the median of the mean differences in luma from picture to picture, 0 to 255."""


class ExcerptReader:
    """Reads pictures from any place of one open source."""

    def __init__(self, container: InputContainer, video: VideoStream, name: str) -> None:
        self._container, self._video, self._name = container, video, name
        self._tick_s = video.time_base or Fraction(1, av.time_base)
        self._samples = PictureSamples()
        self._can_deinterlace = True
        self.rate = video.average_rate or video.guessed_rate or _USUAL_RATE
        """Pictures per second."""
        of_stream = (video.duration or 0) * self._tick_s
        self.duration_s = of_stream or Fraction(container.duration or 0, av.time_base)
        """As the file states it, in seconds; 0 if it states none."""
        self.width, self.height = video.width, video.height

    def glance(self, at_s: Fraction) -> Glance | None:
        """Look at a few pictures from there on, and remember how they are scanned; None if there are fewer than two."""
        small: list[Rgb] = []
        self._samples.begin_window()
        for frame in islice(self._frames_from(at_s), GLANCE_PICTURES):
            self._samples.add_flag(frame)
            picture = picture_from_frame(frame)
            self._samples.add_picture(picture)
            self._can_deinterlace = can_deinterlace(picture.format, frame.width, frame.height)
            small.append(averaged(frame, SMALL_PX))
        return Glance(at_s=at_s, motion=median(differences(small))) if len(small) > 1 else None

    def scan(self, scan: ScanSetting, deinterlace: Deinterlace) -> Scan:
        """Return how the pictures are scanned that were looked at. The arguments are the settings of these names.

        Raises:
            SourceUnsupported: they are interlaced, and `deinterlace` is refuse.
        """
        evidence = ScanEvidence(
            flags=self._samples.flags,
            change=self._samples.change,
            verdicts=self._samples.verdicts,
            show_film=self._samples.show_film,
            can_deinterlace=self._can_deinterlace,
        )
        return decide_scan(evidence, scan, deinterlace, self._name)[0]

    def pictures(self, at_s: Fraction, num: int) -> Iterator[Rgb]:
        """Yield up to `num` pictures from there on, in 8-bit RGB."""
        for frame in islice(self._frames_from(at_s), num):
            yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)

    def _frames_from(self, at_s: Fraction) -> Iterator[av.VideoFrame]:
        """Yield the frames that begin at this time or later; of a source without a stated duration, the next ones."""
        first = (self._video.start_time or 0) + round(at_s / self._tick_s)
        if self.duration_s:  # else a bare stream, which has no places to find
            with suppress(FFmpegError):
                self._container.seek(first, stream=self._video)
        for frame in self._container.decode(self._video):
            time = frame.dts if frame.pts is None else frame.pts
            if not self.duration_s or (time is not None and time >= first):
                planar_format_name(frame.format.name)
                yield frame


@contextmanager
def open_excerpts(reader: RangeReader, name: str) -> Iterator[ExcerptReader]:
    """Open a source; messages call it `name`.

    Raises:
        SourceUnreadable, SourceUnsupported: as listed in the table of `media.av_errors`, also while it is read.
    """
    with reading(reader, name), open_source(reader, estimates_duration=True) as container:
        video = main_video(container, name)
        video.thread_type = "NONE"
        yield ExcerptReader(container, video, name)
