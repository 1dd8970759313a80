"""A file too large for a reader to keep, to count what is fetched."""

import io
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream

from tests.clips.film import FORMATS, AudioTone, Packet, add_audio, audio_packets, decode_time

MP3 = AudioTone(codec="libmp3lame")
NOISY_FRAMES = 60


@cache
def noisy(suffix: str, movflags: str = "") -> bytes:
    """About 17 MB of noise with audio, more than a reader keeps."""
    if movflags != "faststart":
        file = io.BytesIO()
        _mux_noise(file, suffix, movflags)
        return file.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"noise{suffix}"
        _mux_noise(str(path), suffix, movflags)
        return path.read_bytes()


def _mux_noise(file: Any, suffix: str, movflags: str) -> None:
    options = {"movflags": movflags} if movflags else {}
    with av.open(file, "w", format=FORMATS[suffix], options=options) as container:
        video = container.add_stream("mpeg4", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 360, 288, "yuv420p"
        track = add_audio(container, MP3)
        made: list[Packet] = list(audio_packets(track, MP3, NOISY_FRAMES / 25))
        for number, data in enumerate(_noise()):
            packet: Packet = av.Packet(len(data))
            packet.update(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), video, True
            made.append(packet)
        container.mux(sorted(made, key=decode_time))


@cache
def _noise() -> list[bytes]:
    rng = np.random.default_rng(0)
    context = av.Codec("mpeg4", "w").create("video")
    context.width, context.height, context.pix_fmt = 360, 288, "yuv420p"
    context.time_base, context.framerate, context.thread_count = Fraction(1, 25), Fraction(25), 1
    context.options = {"g": "1", "qmin": "1", "qmax": "1"}
    packets: list[Packet] = []
    for _ in range(NOISY_FRAMES):
        frame = av.VideoFrame(360, 288, "yuv420p")
        for plane in frame.planes:
            plane.update(rng.bytes(plane.buffer_size))
        packets += context.encode(frame)
    return [bytes(packet) for packet in packets + context.encode(None)]
