"""A moving picture with audio, encoded and muxed to order."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import PacketSideData, packet_sidedata_type_from_literal
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.media.thread_priority import keep_thread_priority

Packet = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTone:
    """A tone as a separate track."""

    codec: str = "aac"
    sample_rate: int = 44100
    layout: Literal["mono", "stereo"] = "mono"
    language: str = ""
    hertz: float = 440.0
    delay_s: int = 0
    """Seconds after the first picture at which it begins; it ends with the pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A moving picture to encode."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    num_frames: int = 40
    size: tuple[int, int] = (64, 48)
    rate: Fraction = Fraction(25)
    pix_fmt: str = "yuv420p"
    pts: Sequence[int] | None = None
    """In ticks of time_base; one tick of 1 / rate per frame where None."""
    time_base: Fraction | None = None
    shown: Sequence[int] | None = None
    """Number of the picture that each frame shows; all in order where None."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the encoder."""
    muxer: Mapping[str, str] = field(default_factory=dict)
    tune: Callable[[VideoStream], None] = lambda _: None
    """Last changes to the stream before it is opened."""
    audio: tuple[AudioTone, ...] = ()
    edit: Callable[[list[Packet]], list[Packet]] = lambda packets: packets
    """Changes the video's packets before they are muxed."""


FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".avi": "avi", ".webm": "webm"}
FORMATS |= {".vob": "vob", ".nut": "nut", ".h264": "h264", ".gif": "gif", ".wmv": "asf", ".flv": "flv"}
GOP = {"g": "12", "bf": "2", "x264-params": "scenecut=0:b-adapt=0:threads=1"}


def picture(number: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    """A gradient with a moving square and some noise, a function of the frame number."""
    width, height = size
    rng = np.random.default_rng(number)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rgb = np.stack([(x * 3 + number * 5) % 256, (y * 4 + number) % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    left, top = number * 2 % max(width - 8, 1), number % max(height - 8, 1)
    rgb[top : top + 8, left : left + 8] = rng.integers(0, 256, (1, 1, 3), dtype=np.uint8)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)


def coded(film: Film, first: int = 0) -> tuple[VideoCodecContext, list[Packet]]:
    """Packets of the film from a new encoder, in ticks of 1 / rate."""
    context = av.Codec(film.codec, "w").create("video")
    context.width, context.height = film.size
    context.pix_fmt, context.time_base, context.framerate = film.pix_fmt, 1 / film.rate, film.rate
    context.options = dict(film.options)
    context.thread_count = 1
    packets: list[Packet] = []
    for number in range(film.num_frames):
        frame = picture(first + number, film.size, film.pix_fmt)
        frame.pts = first + number
        packets += context.encode(frame)
    return context, packets + context.encode(None)


def made(film: Film) -> bytes:
    """The film as a file."""
    if "faststart" not in film.muxer.get("movflags", ""):
        file = io.BytesIO()
        _mux(film, file)
        return file.getvalue()
    with tempfile.TemporaryDirectory() as folder:  # the muxer opens the file again, by its name
        path = Path(folder) / f"clip{film.suffix}"
        _mux(film, str(path))
        return path.read_bytes()


def _mux(film: Film, file: Any) -> None:
    with (
        keep_thread_priority(),
        av.open(file, "w", format=FORMATS[film.suffix], options=dict(film.muxer)) as container,
    ):
        video = container.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *film.size, film.pix_fmt
        time_base = film.time_base or 1 / film.rate
        video.time_base = video.codec_context.time_base = time_base
        video.codec_context.thread_count = 1
        film.tune(video)
        tracks = [add_audio(container, tone) for tone in film.audio]
        packets = film.edit(list(_video_packets(film, video)))
        duration_s = float(film.num_frames / film.rate)
        for track, tone in zip(tracks, film.audio, strict=True):
            packets += list(audio_packets(track, tone, duration_s))
        container.mux(sorted(packets, key=decode_time))


def decode_time(packet: Packet) -> Fraction:
    time: Fraction = packet.dts * packet.time_base
    return time


def _video_packets(film: Film, video: VideoStream) -> Iterator[Packet]:
    for number in range(film.num_frames):
        frame = picture(film.shown[number] if film.shown else number, film.size, film.pix_fmt)
        frame.pts = film.pts[number] if film.pts is not None else number
        frame.time_base = video.codec_context.time_base
        yield from video.encode(frame)
    yield from video.encode(None)


def add_audio(container: Any, tone: AudioTone) -> AudioStream:
    track: AudioStream = container.add_stream(tone.codec, rate=tone.sample_rate, layout=tone.layout)
    if tone.language:
        track.metadata["language"] = tone.language
    return track


def audio_packets(track: AudioStream, tone: AudioTone, duration_s: float) -> Iterator[Packet]:
    context = track.codec_context
    context.open(strict=False)
    size = context.frame_size or 1024
    num_channels = 1 if tone.layout == "mono" else 2
    for start in range(0, int((duration_s - tone.delay_s) * tone.sample_rate), size):
        times = np.arange(start, start + size) / tone.sample_rate
        wave = (np.sin(2 * np.pi * tone.hertz * times) * 0.5).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.tile(wave, (num_channels, 1)), format="fltp", layout=tone.layout)
        frame.sample_rate, frame.time_base = tone.sample_rate, Fraction(1, tone.sample_rate)
        frame.pts = start + tone.delay_s * tone.sample_rate
        if context.format.name != "fltp":
            frames = av.AudioResampler(context.format, tone.layout, tone.sample_rate).resample(frame)
        else:
            frames = [frame]
        for one in frames:
            yield from track.encode(one)
    yield from track.encode(None)


def joined(first: Film, second: Film, *more: Film, announce: bool = False) -> bytes:
    """Films encoded separately, in one stream. With `announce` the second's extradata is attached as side data."""
    flags = {"flags": "+global_header"} if announce else {}
    context, packets = coded(_with(first, flags))
    num_frames = first.num_frames
    for number, film in enumerate((second, *more)):
        later, after = coded(_with(film, flags), first=num_frames)
        num_frames += film.num_frames
        if announce and number == 0:
            after[0].set_sidedata(_new_extradata(later.extradata or b""))
        shift = max(packets[-1].dts + 1 - after[0].dts, 0)
        for packet in after:
            packet.dts += shift
        packets += after
    file = io.BytesIO()
    with av.open(file, "w", format=FORMATS[first.suffix]) as container:
        video = container.add_stream(first.codec, rate=first.rate)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *first.size, first.pix_fmt
        video.time_base = video.codec_context.time_base = 1 / first.rate
        if announce:
            video.codec_context.extradata = context.extradata
        for packet in packets:
            packet.stream, packet.time_base = video, 1 / first.rate
            container.mux(packet)
    return file.getvalue()


def _new_extradata(extradata: bytes) -> PacketSideData:
    kind: Any = packet_sidedata_type_from_literal("new_extradata")
    side = PacketSideData(kind, len(extradata))  # type: ignore[call-arg]
    memoryview(side)[:] = extradata
    return side


def repeated(film: Film, num_times: int) -> bytes:
    """The film repeated, but encoded only once: many packets in little time."""
    _, packets = coded(film)
    datas = [(bytes(packet), packet.is_keyframe) for packet in packets]
    file = io.BytesIO()
    with av.open(file, "w", format=FORMATS[film.suffix]) as container:
        video = container.add_stream(film.codec, rate=film.rate)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *film.size, film.pix_fmt
        for number in range(num_times * len(datas)):
            data, is_keyframe = datas[number % len(datas)]
            packet: Packet = av.Packet(len(data))
            packet.update(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream, packet.is_keyframe = 1 / film.rate, video, is_keyframe
            container.mux(packet)
    return file.getvalue()


def _with(film: Film, options: Mapping[str, str]) -> Film:
    return Film(
        suffix=film.suffix,
        codec=film.codec,
        num_frames=film.num_frames,
        size=film.size,
        rate=film.rate,
        pix_fmt=film.pix_fmt,
        options={**film.options, **options},
    )


def jpeg() -> bytes:
    """A JPEG of 16x16 pixels."""
    return still("mjpeg", "yuvj420p")


def still(codec: str, pix_fmt: str) -> bytes:
    """A picture of 16x16 pixels."""
    context = av.Codec(codec, "w").create("video")
    context.width, context.height, context.pix_fmt, context.time_base = 16, 16, pix_fmt, Fraction(1, 25)
    frame = picture(0, (16, 16), pix_fmt)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
