"""PcmTrack: one audio track of a packet archive, decoded to samples from the video's zero on.

Samples are placed by their timestamps. Gaps between timestamps and packets that cannot be decoded become silence;
where timestamps overlap, the later samples are dropped. Deviations below SLACK_S are the container's rounding and
are ignored, except at the beginning, which is exact. Memory use is that of one packet, whatever the length.

Some headers state a wrong unit of time, as AVI files with G.726 do: timestamps then run many times faster or slower
than the samples. These timestamps are not used; the samples follow one another.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from math import ceil
from statistics import median

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import CodecContext

from slomo_batch.media.packets import ArchivedPacket, StreamHeader, open_decoder, to_av
from slomo_batch.media.time_stretch import Block

SLACK_S = Fraction(1, 200)
"""Largest deviation of a timestamp that counts as rounding."""
_OPENING_FRAMES = 64
"""Number of frames used to find where the track begins, if timestamps are coarser than samples."""
_MIN_STEPS = 4
"""With fewer timestamps, they are taken as they are."""
MAX_CLOCK_ERROR = 4
"""Timestamps that run so many times faster or slower than the samples are not used."""
_SILENCE_BLOCK = 48_000
"""Maximum length of a block of silence, in samples."""
UNSAFE_PLANES = 8
"""From this number of channels on, PyAV fails to convert a planar frame to an array; such frames are packed first."""
ARRAY_FORMATS = frozenset({"u8", "s16", "s32", "flt", "dbl"})
"""Sample formats that PyAV converts to arrays, packed or planar; frames of others are converted first."""
_FULL_SCALE = {"u1": (128.0, 128.0), "i2": (0.0, 32768.0), "i4": (0.0, 2147483648.0)}
"""Sample value of silence and of full scale, by NumPy's integer type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PcmFormat:
    """Format of the samples of a decoded track."""

    sample_rate: int
    layout: str
    """FFmpeg's name of the channel layout."""
    num_channels: int


class PcmTrack:
    """One track, decoded again each time it is read. `packets` returns the track's packets from the first on."""

    def __init__(
        self,
        packets: Callable[[], Iterable[ArchivedPacket]],
        header: StreamHeader,
        *,
        zero_s: Fraction,
        end_s: Fraction | None = None,
    ) -> None:
        """`end_s`: seconds after zero at which the pictures end. What follows a gap that reaches beyond is left out."""
        self._packets, self._header, self._zero_s, self._end_s = packets, header, zero_s, end_s
        self.has_wrong_times = self.ends_in_gap = False
        """In the latest pass: whether the timestamps were not used; whether samples after a last gap were left out."""
        self.num_damaged = 0
        """Number of packets that could not be decoded in the latest pass."""
        self.format = next((_format(frame) for frame in self._frames()), None)
        """Format of the first frame; later frames are converted to it. None if nothing can be decoded."""

    def blocks(self) -> Iterator[Block]:
        """The samples from zero on, without gaps."""
        form = self.format
        if form is None:
            return
        position, slack = 0, max(1, round(SLACK_S * form.sample_rate))
        samples = FrameSamples(form)
        frames = self._frames()
        opening = list(islice(frames, _OPENING_FRAMES))
        self.has_wrong_times = self._has_wrong_times(opening, form)
        is_coarse = self._header.time_base * form.sample_rate > 1 and not self.has_wrong_times
        late = self._rounding(opening, form) if is_coarse else 0
        for frame in chain(opening, frames):
            block, start = samples.block(frame), self._start(frame, form)
            off = 0 if start is None or (position and self.has_wrong_times) else start - late - position
            if position and self._end_s is not None and off > slack and position + off > self._end_s * form.sample_rate:
                self.ends_in_gap = True
                return
            if off > (slack if position else 0):
                yield from silence(off, form.num_channels)
                position += off
            elif off < (-slack if position else 0):
                block = block[:, -off:]
            position += block.shape[1]
            if block.shape[1]:
                yield block

    def _has_wrong_times(self, opening: list[AudioFrame], form: PcmFormat) -> bool:
        """True if most of the first frames are followed by one whose timestamp is many times too early or too late."""
        starts = [self._start(frame, form) for frame in opening]
        lengths = [frame.samples * form.sample_rate / frame.sample_rate for frame in opening]
        steps = [
            (after - before) / length
            for before, after, length in zip(starts, starts[1:], lengths, strict=False)
            if before is not None and after is not None and length
        ]
        if len(steps) < _MIN_STEPS:
            return False
        usual = median(steps)
        return not 1 / MAX_CLOCK_ERROR < usual < MAX_CLOCK_ERROR

    def _rounding(self, opening: list[AudioFrame], form: PcmFormat) -> int:
        """Rounding error of the first timestamp in samples, estimated from the first timestamps together.

        In a container that counts milliseconds, one timestamp alone is off by up to half a millisecond, and so is
        everything after it: eightfold slow motion multiplies that by eight. Timestamps after a gap do not count.
        """
        length, off, tick = 0, list[int](), ceil(self._header.time_base * form.sample_rate)
        for frame in opening:
            start = self._start(frame, form)
            if start is not None and abs(start - length - (off[0] if off else start - length)) > tick:
                break
            off += [] if start is None else [start - length]
            length += frame.samples * form.sample_rate // frame.sample_rate
        return off[0] - round(median(off)) if off else 0

    def _start(self, frame: AudioFrame, form: PcmFormat) -> int | None:
        """The sample at which the frame begins, counted from zero; None if it has no timestamp."""
        if frame.pts is None:
            return None
        return round((frame.pts * self._header.time_base - self._zero_s) * form.sample_rate)

    def _frames(self) -> Iterator[AudioFrame]:
        self.num_damaged = 0
        decoder = open_decoder(self._header)
        for packet in self._packets():
            for frame in self._decoded(decoder, packet):
                if not packet.is_discarded:
                    yield frame
        yield from self._decoded(decoder, None)

    def _decoded(self, decoder: CodecContext, packet: ArchivedPacket | None) -> list[AudioFrame]:
        if not isinstance(decoder, AudioCodecContext):
            return []
        try:
            return decoder.decode(to_av(packet, self._header) if packet else None)
        except av.FFmpegError:
            self.num_damaged += 1
            return []


class FrameSamples:
    """Converts the decoded frames of one track to blocks of samples in one format."""

    def __init__(self, form: PcmFormat) -> None:
        self._form = form
        self._resamplers: dict[tuple[int, str], av.AudioResampler] = {}

    def block(self, frame: AudioFrame) -> Block:
        """The samples of the next frame."""
        form = self._form
        is_safe = not (frame.format.is_planar and form.num_channels >= UNSAFE_PLANES)
        if _format(frame) == form and is_safe and frame.format.name.removesuffix("p") in ARRAY_FORMATS:
            return _rows(frame)
        key = (frame.sample_rate, frame.layout.name)
        if key not in self._resamplers:
            self._resamplers[key] = av.AudioResampler(format="flt", layout=form.layout, rate=form.sample_rate)
        pieces = [_rows(piece) for piece in self._resamplers[key].resample(frame)]
        return np.concatenate(pieces, axis=1) if pieces else np.zeros((form.num_channels, 0), np.float32)


def silence(num_samples: int, num_channels: int) -> Iterator[Block]:
    """`num_samples` samples of silence, in blocks."""
    for start in range(0, num_samples, _SILENCE_BLOCK):
        yield np.zeros((num_channels, min(_SILENCE_BLOCK, num_samples - start)), np.float32)


def fit_length(blocks: Iterable[Block], num_samples: int, num_channels: int) -> Iterator[Block]:
    """The blocks, cut or padded with silence to `num_samples` samples."""
    made = 0
    for block in blocks:
        piece = block[:, : num_samples - made]
        made += piece.shape[1]
        if piece.shape[1]:
            yield piece
        if made == num_samples:
            return
    yield from silence(num_samples - made, num_channels)


def resample_audio(
    blocks: Iterable[Block], layout: str, rate_in: int, rate_out: int, *, layout_out: str = ""
) -> Iterator[Block]:
    """The blocks at another sample rate, and mixed to another channel layout if one is given. swresample keeps time to
    the sample."""
    resampler = av.AudioResampler(format="flt", layout=layout_out or layout, rate=rate_out)
    for block in blocks:
        for frame in resampler.resample(frame_from_block(block, layout, rate_in)):
            yield _rows(frame)
    for frame in resampler.resample(None):
        yield _rows(frame)


def frame_from_block(block: Block, layout: str, sample_rate: int) -> AudioFrame:
    """An FFmpeg frame with these samples, without a timestamp."""
    packed = np.ascontiguousarray(block.T).reshape(1, -1)
    frame = AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate = sample_rate
    return frame


def _format(frame: AudioFrame) -> PcmFormat:
    return PcmFormat(sample_rate=frame.sample_rate, layout=frame.layout.name, num_channels=frame.layout.nb_channels)


def _rows(frame: AudioFrame) -> Block:
    """The frame's samples as (channels, samples), -1 to 1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    zero, scale = _FULL_SCALE[samples.dtype.str[1:]]
    return ((samples.astype(np.float64) - zero) / scale).astype(np.float32)
