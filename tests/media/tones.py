"""Audio with clicks at known times, as files and packet archives, and a detector for the clicks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import from_av, stream_header
from slomo_batch.media.time_stretch import Block

RATE = 48_000
CLICKS_S = (0.25, 0.9, 1.5, 1.72, 2.0, 2.33, 2.75)
DURATION_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """One audio track of a test."""

    codec: str = "aac"
    sample_rate: int = RATE
    layout: str = "stereo"
    language: str = ""
    title: str = ""
    under: str = "noise"
    """What sounds under the clicks: nothing, noise, or a chord."""
    clicks_s: Sequence[float] = CLICKS_S
    duration_s: float = DURATION_S


def samples(tone: Tone) -> Block:
    """The samples of a track: decaying clicks on top of a background."""
    num = round(tone.duration_s * tone.sample_rate)
    instants = np.arange(num) / tone.sample_rate
    mono = np.zeros(num)
    if tone.under == "noise":
        mono += 0.02 * np.random.default_rng(3).standard_normal(num)
    if tone.under == "chord":
        mono += 0.1 * np.sin(2 * np.pi * 220 * instants) + 0.1 * np.sin(2 * np.pi * 331 * instants)
    decay = np.arange(round(0.003 * tone.sample_rate))
    click = 0.8 * np.exp(-decay / (0.0005 * tone.sample_rate)) * np.cos(decay * 0.9)
    for second in tone.clicks_s:
        start = round(second * tone.sample_rate)
        mono[start : start + len(click)] += click[: max(0, num - start)]
    return np.repeat(mono[None].astype(np.float32), av.AudioLayout(tone.layout).nb_channels, axis=0)


def audio_file(path: Path, tones: Sequence[Tone], *, from_s: float = 0.0) -> Path:
    """A file of these tracks, the first sample at `from_s`."""
    with av.open(str(path), "w") as container:
        tracks = [(_stream(container, tone), samples(tone)) for tone in tones]
        for start in range(0, max(audio.shape[1] for _, audio in tracks), 4096):
            for stream, audio in tracks:
                piece = audio[:, start : start + 4096]
                if piece.shape[1]:
                    packed = np.ascontiguousarray(piece.T).reshape(1, -1)  # PyAV is wrong about 8 planes
                    frame = AudioFrame.from_ndarray(packed, "flt", stream.layout.name)
                    frame.sample_rate, frame.time_base = stream.rate, Fraction(1, stream.rate)
                    frame.pts = start + round(from_s * stream.rate)
                    container.mux(stream.encode(frame))
        for stream, _ in tracks:
            container.mux(stream.encode(None))
    return path


def _stream(container: av.container.OutputContainer, tone: Tone) -> AudioStream:
    stream = container.add_stream(tone.codec, rate=tone.sample_rate)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = tone.layout
    stream.metadata.update(
        {name: value for name, value in (("language", tone.language), ("title", tone.title)) if value}
    )
    return stream


def archived(source: Path, out: Path) -> Path:
    """The audio packets of a file, as splitting stores them."""
    with av.open(str(source)) as container, out.open("wb") as file:
        streams = container.streams.audio
        places = {stream.index: place for place, stream in enumerate(streams)}
        with ArchiveWriter(file, [stream_header(stream) for stream in streams], {}) as writer:
            for packet in container.demux(*streams):
                if packet.size:
                    writer.add(from_av(packet, places[packet.stream_index]))
    return out


def heard(path: Path, track: int = 0) -> tuple[Block, int]:
    """The samples that a player outputs from zero on, and their rate."""
    blocks: list[Block] = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        rate, start = stream.codec_context.sample_rate, 0
        for frame in container.decode(stream):
            assert isinstance(frame, AudioFrame)
            start = start if blocks else round((frame.pts or 0) * (frame.time_base or 0) * rate)
            blocks.append(_planar(frame))
    audio = np.concatenate(blocks, axis=1)
    return (np.pad(audio, ((0, 0), (start, 0))) if start > 0 else audio[:, -start:]), rate


def _planar(frame: AudioFrame) -> Block:
    found = frame.to_ndarray()
    if not frame.format.is_planar:
        found = found.reshape(-1, frame.layout.nb_channels).T
    scale = {"f4": 1.0, "i2": 2.0**15, "i4": 2.0**31}[found.dtype.str[1:]]
    return (found / scale).astype(np.float32)


def clicks(audio: Block, rate: int) -> list[float]:
    """Times of the clicks in seconds: steep onsets at least 8 ms after the previous one."""
    steep = np.abs(np.diff(audio[0]))
    found: list[int] = []
    last = -rate
    for place in np.flatnonzero(steep > 0.35 * steep.max()).tolist():
        if place - last > 0.008 * rate:
            found.append(place)
        last = place
    return [place / rate for place in found]


def in_blocks(audio: Block, length: int = 1000) -> Iterator[Block]:
    """The samples in blocks."""
    for start in range(0, audio.shape[1], length):
        yield audio[:, start : start + length]
