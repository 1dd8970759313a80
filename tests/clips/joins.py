"""Files whose timestamps restart: parts with their own pictures and clicks, encoded separately and concatenated."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.video.stream import VideoStream

from tests.clips.film import FORMATS, AudioTone, Packet, add_audio, decode_time, picture

RATE = 48_000
FLV_HEAD = 13
"""Bytes before the first tag of an FLV; joined without them, its tags simply go on."""
_VIDEO = {".vob": "mpeg2video", ".avi": "mpeg4", ".flv": "flv1", ".webm": "libvpx-vp9"}
_AUDIO = {".vob": "mp2", ".avi": "libmp3lame", ".flv": "libmp3lame", ".webm": "libopus"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One recording. Its picture n shows what picture `first + n` of a film shows."""

    first: int = 0
    num_frames: int = 25
    rate: Fraction = Fraction(25)
    clicks_s: tuple[float, ...] = (0.3, 0.7)
    """When clicks are heard, from the part's first picture on."""
    audio_s: float | None = None
    """Length of the audio: that of the pictures where None; 0 for none in a file that has a track."""
    from_frame: int = 0
    """Where the part's clock starts, in frames."""
    codec: str = ""
    audio_codec: str = ""
    size: tuple[int, int] = (64, 48)
    bframes: int = 2


@cache
def part_bytes(part: Part, suffix: str) -> bytes:
    """The part as a file, made once per process: an encoder may produce different bytes for the same pictures."""
    file = io.BytesIO()
    codec = part.codec or _VIDEO.get(suffix, "libx264")
    options = {"g": "12", **_options(codec, part.bframes)}
    with av.open(file, "w", format=FORMATS[suffix]) as container:
        video = container.add_stream(codec, rate=part.rate, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *part.size, "yuv420p"
        video.codec_context.thread_count = 1
        audio_codec = part.audio_codec or _AUDIO.get(suffix, "aac")
        track = add_audio(container, AudioTone(codec=audio_codec, sample_rate=RATE, layout="mono"))
        packets: list[Packet] = []
        for number in range(part.num_frames):
            frame = picture(part.first + number, part.size, "yuv420p")
            frame.pts, frame.time_base = part.from_frame + number, 1 / part.rate
            packets += video.encode(frame)
        packets += video.encode(None)
        packets += _audio(part, track)
        container.mux(sorted(packets, key=decode_time))
    return file.getvalue()


def _options(codec: str, bframes: int) -> dict[str, str]:
    match codec:
        case "libx264":
            return {"bf": str(bframes), "x264-params": "scenecut=0:b-adapt=0:threads=1"}
        case "libvpx-vp9":
            return {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        case "flv1":
            return {}
        case _:
            return {"bf": str(bframes)}


def _audio(part: Part, track: av.AudioStream) -> list[Packet]:
    length_s = float(part.num_frames / part.rate) if part.audio_s is None else part.audio_s
    wave = np.zeros(round(length_s * RATE), np.float32)
    decay = np.arange(144)
    for second in part.clicks_s:
        start = round(second * RATE)
        click = 0.8 * np.exp(-decay / 24) * np.cos(decay * 0.9)
        wave[start : start + 144] += click[: max(0, len(wave) - start)].astype(np.float32)
    context, packets = track.codec_context, []
    context.open(strict=False)
    size, shift = context.frame_size or 1024, round(part.from_frame / part.rate * RATE)
    for start in range(0, len(wave), size):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + size], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start + shift, Fraction(1, RATE)
        for one in av.AudioResampler(context.format, "mono", RATE).resample(frame):
            packets += track.encode(one)
    return packets + track.encode(None)


def joined(parts: Sequence[Part], suffix: str) -> bytes:
    """The parts' files, one after the other."""
    files = [part_bytes(part, suffix) for part in parts]
    head = FLV_HEAD if suffix == ".flv" else 0
    return files[0] + b"".join(file[head:] for file in files[1:])
