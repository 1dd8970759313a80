"""The catalogue of tiny clips, made by PyAV in memory. Each says why it exists; `clip(name)` makes it once.

from tests.clips import CLIPS, clip
clip("vfr").data        the file's bytes
CLIPS["vfr"].why        why it exists
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import PacketSideData, packet_sidedata_type_from_literal
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

Lane = Literal["copy", "decode", "refused"]
Packet = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One tiny file and what is to be found in it."""

    name: str
    why: str
    data: bytes
    suffix: str
    """Of a file of this kind, with the dot."""
    lane: Lane
    """How it must be split; "refused" for what probing must not let pass."""
    num_frames: int
    """Frames that a player shows; 0 where it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a clip is made; the bytes come only when asked for."""

    why: str
    suffix: str
    make: Callable[[], bytes]
    lane: Lane = "copy"
    num_frames: int = 0


CLIPS: dict[str, Recipe] = {}


@cache
def clip(name: str) -> Clip:
    """The clip of this name, made once per process."""
    recipe = CLIPS[name]
    return Clip(
        name=name,
        why=recipe.why,
        data=recipe.make(),
        suffix=recipe.suffix,
        lane=recipe.lane,
        num_frames=recipe.num_frames,
    )


def names(*lanes: Lane) -> list[str]:
    """Names of the clips that go these ways, all by default."""
    return [name for name, recipe in CLIPS.items() if recipe.lane in (lanes or ("copy", "decode", "refused"))]


# ---- making --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A tone as a track of its own."""

    codec: str = "aac"
    sample_rate: int = 44100
    layout: Literal["mono", "stereo"] = "mono"
    language: str = ""
    hertz: float = 440.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A moving picture to be coded."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    num_frames: int = 40
    size: tuple[int, int] = (64, 48)
    rate: Fraction = Fraction(25)
    pix_fmt: str = "yuv420p"
    pts: Sequence[int] | None = None
    """In ticks of time_base; one tick of 1 / rate per frame where None."""
    time_base: Fraction | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the encoder."""
    muxer: Mapping[str, str] = field(default_factory=dict)
    tune: Callable[[VideoStream], None] = lambda _: None
    """Last changes to the stream before it is opened."""
    sounds: tuple[Sound, ...] = ()
    edit: Callable[[list[Packet]], list[Packet]] = lambda packets: packets
    """Changes the video's packets before they are muxed."""


FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".avi": "avi", ".webm": "webm"}
FORMATS |= {".nut": "nut", ".h264": "h264", ".gif": "gif"}
GOP = {"g": "12", "bf": "2", "x264-params": "scenecut=0:b-adapt=0:threads=1"}


def picture(number: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    """A gradient with a square that moves, some noise, all of it a function of the number."""
    width, height = size
    rng = np.random.default_rng(number)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rgb = np.stack([(x * 3 + number * 5) % 256, (y * 4 + number) % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    left, top = number * 2 % max(width - 8, 1), number % max(height - 8, 1)
    rgb[top : top + 8, left : left + 8] = rng.integers(0, 256, (1, 1, 3), dtype=np.uint8)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)


def coded(film: Film, first: int = 0) -> tuple[VideoCodecContext, list[Packet]]:
    """Packets of the film by an encoder of its own, in ticks of 1 / rate."""
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
    with av.open(file, "w", format=FORMATS[film.suffix], options=dict(film.muxer)) as container:
        video = container.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *film.size, film.pix_fmt
        time_base = film.time_base or 1 / film.rate
        video.time_base = video.codec_context.time_base = time_base
        video.codec_context.thread_count = 1
        film.tune(video)
        tracks = [_add_sound(container, sound) for sound in film.sounds]
        packets = film.edit(list(_video_packets(film, video)))
        duration_s = float(film.num_frames / film.rate)
        for track, sound in zip(tracks, film.sounds, strict=True):
            packets += list(_sound_packets(track, sound, duration_s))
        container.mux(sorted(packets, key=_decode_time))


def _decode_time(packet: Packet) -> Fraction:
    time: Fraction = packet.dts * packet.time_base
    return time


def _video_packets(film: Film, video: VideoStream) -> Iterator[Packet]:
    for number in range(film.num_frames):
        frame = picture(number, film.size, film.pix_fmt)
        frame.pts = film.pts[number] if film.pts is not None else number
        frame.time_base = video.codec_context.time_base
        yield from video.encode(frame)
    yield from video.encode(None)


def _add_sound(container: Any, sound: Sound) -> AudioStream:
    track: AudioStream = container.add_stream(sound.codec, rate=sound.sample_rate, layout=sound.layout)
    if sound.language:
        track.metadata["language"] = sound.language
    return track


def _sound_packets(track: AudioStream, sound: Sound, duration_s: float) -> Iterator[Packet]:
    context = track.codec_context
    context.open(strict=False)
    size = context.frame_size or 1024
    num_channels = 1 if sound.layout == "mono" else 2
    for start in range(0, int(duration_s * sound.sample_rate), size):
        times = np.arange(start, start + size) / sound.sample_rate
        wave = (np.sin(2 * np.pi * sound.hertz * times) * 0.5).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.tile(wave, (num_channels, 1)), format="fltp", layout=sound.layout)
        frame.sample_rate, frame.pts, frame.time_base = sound.sample_rate, start, Fraction(1, sound.sample_rate)
        if context.format.name != "fltp":
            frames = av.AudioResampler(context.format, sound.layout, sound.sample_rate).resample(frame)
        else:
            frames = [frame]
        for one in frames:
            yield from track.encode(one)
    yield from track.encode(None)


def _add(name: str, why: str, film: Film, lane: Lane = "copy", num_frames: int | None = None) -> None:
    shown = film.num_frames if num_frames is None else num_frames
    CLIPS[name] = Recipe(
        why=why, suffix=film.suffix, make=lambda: made(film), lane=lane, num_frames=0 if lane == "refused" else shown
    )


# ---- edits of packets ----------------------------------------------------------------------------------------------


def shifted(num_ticks: int) -> Callable[[list[Packet]], list[Packet]]:
    """All times moved by `num_ticks`."""

    def edit(packets: list[Packet]) -> list[Packet]:
        for packet in packets:
            packet.pts += num_ticks
            packet.dts += num_ticks
        return packets

    return edit


def without_ctts(packets: list[Packet]) -> list[Packet]:
    """Presentation times replaced by those of decoding, from zero on."""
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number
    return packets


def packed(packets: list[Packet]) -> list[Packet]:
    """As DivX packs them: each B-frame in one packet with the frame before it, and an empty frame in its own place."""
    signature = b"\x00\x00\x01\xb2DivX503b1393p"
    empty = b"\x00\x00\x01\xb6\x51\x00"  # a P-frame's start code and a type that says: not coded
    out: list[Packet] = []
    while packets:
        packet = packets.pop(0)
        is_followed_by_b = bool(packets) and bytes(packets[0])[3] == 0xB6 and bytes(packets[0])[4] >> 6 == 2
        parts = [signature if packet.is_keyframe else b"", bytes(packet)]
        if is_followed_by_b:
            parts.append(bytes(packets.pop(0)))
        for data in [b"".join(parts)] + [empty] * is_followed_by_b:
            made = av.Packet(len(data))
            made.update(data)
            made.pts = made.dts = len(out)
            made.time_base, made.is_keyframe, made.stream = packet.time_base, packet.is_keyframe, packet.stream
            out.append(made)
    return out


def from_packet(number: int) -> Callable[[list[Packet]], list[Packet]]:
    """Without the packets before this one."""
    return lambda packets: packets[number:]


def blanked(number: int) -> Callable[[list[Packet]], list[Packet]]:
    """With nonsense for the payload of one H.264 packet."""

    def edit(packets: list[Packet]) -> list[Packet]:
        packets[number].update((b"\0\0\0\1\x41" + b"\xff" * packets[number].size)[: packets[number].size])
        return packets

    return edit


def tagged(**tags: int) -> Callable[[VideoStream], None]:
    """Sets attributes of the codec context: colour tags."""

    def tune(video: VideoStream) -> None:
        for name, value in tags.items():
            setattr(video.codec_context, name, value)

    return tune


def joined(first: Film, second: Film, *, announce: bool = False) -> bytes:
    """Two films coded apart, in one stream; with `announce` the second's extradata goes along as side data."""
    flags = {"flags": "+global_header"} if announce else {}
    a, before = coded(_with(first, flags))
    b, after = coded(_with(second, flags), first=first.num_frames)
    if announce:
        extradata = b.extradata or b""
        kind: Any = packet_sidedata_type_from_literal("new_extradata")
        side = PacketSideData(kind, len(extradata))  # type: ignore[call-arg]
        memoryview(side)[:] = extradata
        after[0].set_sidedata(side)
    file = io.BytesIO()
    with av.open(file, "w", format=FORMATS[first.suffix]) as container:
        video = container.add_stream(first.codec, rate=first.rate)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *first.size, first.pix_fmt
        video.time_base = video.codec_context.time_base = 1 / first.rate
        if announce:
            video.codec_context.extradata = a.extradata
        shift = before[-1].dts + 1 - after[0].dts
        for packet in before + after:
            packet.dts += 0 if packet in before else max(shift, 0)
            packet.stream, packet.time_base = video, 1 / first.rate
            container.mux(packet)
    return file.getvalue()


def repeated(film: Film, num_times: int) -> bytes:
    """The film over and over, coded only once: many packets for little time."""
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


# ---- the catalogue -------------------------------------------------------------------------------------------------

NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
VFR_PTS = [0, 40, 80, 120, 137, 200, 240, 300, 333, 400, 440, 480, 523, 560, 600, 680, 720, 750, 800, 840]
AAC, MP3 = Sound(), Sound(codec="libmp3lame")

_add("cfr", "the ordinary case: constant rate, B-frames, several GOPs, sound", Film(options=GOP, sounds=(AAC,)))
_add("no_audio", "an ordinary picture without any sound", Film(options=GOP))
_add("ntsc", "a rate that is no whole number, exact in the file", Film(options=GOP, rate=NTSC, suffix=".mov"))
_add(
    "mkv_23976",
    "23.976 in Matroska: timestamps rounded to milliseconds, rate recognised",
    Film(options=GOP, rate=NTSC_FILM, suffix=".mkv"),
)
_add(
    "vfr",
    "variable frame rate",
    Film(options=GOP, pts=VFR_PTS, num_frames=len(VFR_PTS), time_base=Fraction(1, 1000), suffix=".mkv"),
)
_add(
    "moov_first", "the index in front of the payload", Film(options=GOP, muxer={"movflags": "faststart"}, sounds=(AAC,))
)
_add(
    "fragmented",
    "fragmented MP4: no index for the whole, sound and picture far apart",
    Film(options=GOP, muxer={"movflags": "frag_keyframe+empty_moov"}, sounds=(AAC,)),
)
_add("mpegts", "a transport stream: no index, times start at 1.4 s", Film(options=GOP, suffix=".ts", sounds=(AAC,)))
_add(
    "edit_list",
    "an edit list that hides the first frames: they must be decoded, not shown",
    Film(options=GOP, edit=shifted(-8), muxer={"avoid_negative_ts": "disabled"}),
    num_frames=32,
)
_add(
    "late_start", "an edit list with a delay before the first frame", Film(options=GOP, edit=shifted(10), sounds=(AAC,))
)
_add(
    "negative_pts",
    "timestamps below zero",
    Film(options=GOP, edit=shifted(-5), muxer={"avoid_negative_ts": "disabled"}, suffix=".ts"),
)
_add(
    "missing_pts",
    "the first packets have no timestamps",
    Film(options={"g": "12", "bf": "0"}, edit=shifted(-5), muxer={"avoid_negative_ts": "disabled"}, suffix=".mkv"),
    "decode",
)
_add("odd_size", "width and height odd", Film(options=GOP, size=(51, 37), pix_fmt="yuv444p"))
_add("odd_420", "odd size with subsampled chroma", Film(codec="ffv1", size=(33, 17), suffix=".mkv", num_frames=12))
_add("ten_bit", "10 bits per sample", Film(options=GOP, pix_fmt="yuv420p10le"))
_add(
    "hdr_pq",
    "HDR10: refused by name until it is supported",
    Film(options=GOP, pix_fmt="yuv420p10le", tune=tagged(color_trc=16, color_primaries=9, colorspace=9)),
    "refused",
)
_add(
    "hdr_hlg",
    "HLG: refused by name until it is supported",
    Film(
        codec="libx265",
        pix_fmt="yuv420p10le",
        num_frames=8,
        size=(64, 64),
        tune=tagged(color_trc=18),
        options={"x265-params": "log-level=none:transfer=arib-std-b67"},
    ),
    "refused",
)
_add("rotated", "held upright: a player turns it", Film(options=GOP, tune=lambda video: video.set_display_rotation(90)))
_add(
    "full_range",
    "full range, BT.601, tagged so",
    Film(options=GOP, pix_fmt="yuvj420p", tune=tagged(color_range=2, colorspace=6, color_primaries=6, color_trc=6)),
)
_add(
    "interlaced",
    "two fields per picture: refused by name",
    Film(options={**GOP, "flags": "+ilme+ildct", "x264-params": "tff=1:threads=1"}),
    "refused",
)
_add(
    "two_tracks",
    "two sound tracks with languages",
    Film(options=GOP, sounds=(Sound(language="eng"), Sound(layout="stereo", language="deu", hertz=880)), suffix=".mkv"),
)
_add("one_gop", "a single keyframe, but a short film: copied", Film(options={"g": "9999", "bf": "2"}))
_add(
    "rare_keyframes",
    "a single keyframe and many frames: copying would repeat most of the file",
    Film(
        options={"g": "9999", "bf": "0", "preset": "ultrafast", "x264-params": "scenecut=0:threads=1"},
        num_frames=800,
        size=(16, 16),
    ),
    "decode",
)
_add(
    "intra_refresh",
    "keyframes that are none: decoding cannot start at them",
    Film(
        options={"g": "12", "bf": "0", "x264-params": "intra-refresh=1:scenecut=0:threads=1"},
        suffix=".mkv",
        num_frames=60,
    ),
    "decode",
)
_add("no_ctts", "B-frames whose presentation times are missing", Film(options=GOP, edit=without_ctts), "decode")
_add(
    "avi_bframes",
    "AVI has no timestamps: with B-frames FFmpeg works them out, which the proof must confirm",
    Film(codec="mpeg4", options={"bf": "2", "g": "12"}, suffix=".avi", sounds=(MP3,)),
)
_add(
    "packed_bframes",
    "DivX packs two frames into a packet: timestamps and frames do not match, only their order does",
    Film(codec="mpeg4", options={"bf": "1", "g": "12"}, suffix=".avi", edit=packed),
    "decode",
)
_add("elementary", "a bare stream of packets without any times", Film(options=GOP, suffix=".h264"), "decode")
_add(
    "hevc_open_gop",
    "HEVC with open GOPs: leading pictures refer to the GOP before",
    Film(codec="libx265", size=(64, 64), options={"x265-params": "keyint=10:min-keyint=10:scenecut=0:log-level=none"}),
)
_add(
    "av1",
    "AV1 in MP4",
    Film(codec="libsvtav1", size=(64, 64), num_frames=24, options={"g": "8", "preset": "12", "svtav1-params": "lp=1"}),
)
_add(
    "vp9",
    "VP9 in WebM: hidden frames within packets",
    Film(
        codec="libvpx-vp9",
        suffix=".webm",
        num_frames=24,
        options={"g": "8", "deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "8"},
    ),
)
_add(
    "prores",
    "ProRes, intra only, 10 bits 4:2:2",
    Film(codec="prores_ks", suffix=".mov", pix_fmt="yuv422p10le", num_frames=12),
)
_add("mjpeg", "Motion JPEG in AVI, full range", Film(codec="mjpeg", suffix=".avi", pix_fmt="yuvj422p", num_frames=12))
_add(
    "mpeg2",
    "MPEG-2 in MOV: its packets are parsed by FFmpeg",
    Film(codec="mpeg2video", suffix=".mov", options={"g": "12", "bf": "2"}),
)
_add("rgb", "RGB pictures", Film(codec="ffv1", suffix=".mkv", pix_fmt="bgr0", num_frames=12))
_add("one_frame", "a single frame: it is held", Film(num_frames=1))
_add(
    "gif",
    "an animated picture: a palette of its own per frame",
    Film(codec="gif", suffix=".gif", pix_fmt="rgb8", num_frames=12),
)

SMALL, LARGE = (
    Film(options=GOP, num_frames=20, suffix=".ts"),
    Film(options=GOP, num_frames=20, size=(96, 64), suffix=".ts"),
)
CLIPS["size_change"] = Recipe(
    why="the picture's size changes midway",
    suffix=".ts",
    make=lambda: joined(SMALL, LARGE),
    lane="decode",
    num_frames=40,
)
CLIPS["new_extradata"] = Recipe(
    why="the decoder's settings change midway, announced by side data",
    suffix=".mp4",
    make=lambda: joined(
        Film(options=GOP, num_frames=20),
        Film(options={**GOP, "x264-params": "cabac=0:threads=1"}, num_frames=20),
        announce=True,
    ),
    lane="decode",
    num_frames=40,
)
_add(
    "cut_start",
    "cut out of a broadcast: begins amid a group of pictures",
    Film(options=GOP, edit=from_packet(5), suffix=".ts"),
    num_frames=28,
)
_add(
    "corrupt_early",
    "a packet that cannot be decoded, where the proof looks",
    Film(options=GOP, edit=blanked(7)),
    "decode",
)
_add(
    "corrupt_late",
    "a packet that cannot be decoded, where the proof does not look",
    Film(options=GOP, num_frames=60, edit=blanked(50)),
)


def _with_company() -> bytes:
    file = io.BytesIO()
    srt = io.BytesIO(b"1\n00:00:00,000 --> 00:00:00,500\nHello\n\n")
    with av.open(srt, "r", format="srt") as text, av.open(file, "w", format="matroska") as container:
        videos = [container.add_stream("mpeg4", rate=25), container.add_stream("mpeg4", rate=25)]
        subtitles = container.add_stream_from_template(text.streams[0], opaque=True)
        sizes = [(64, 48), (32, 32)]
        for video, (width, height) in zip(videos, sizes, strict=True):
            assert isinstance(video, VideoStream)
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 800, "time_base": Fraction(1, 1000), "metadata": {"title": "Start"}}]
        )
        for packet in text.demux():
            if packet.size:
                packet.stream = subtitles
                container.mux(packet)
        for video, size in zip(videos, sizes, strict=True):
            assert isinstance(video, VideoStream)
            for number in range(40):
                container.mux(video.encode(picture(number, size, "yuv420p")))
            container.mux(video.encode(None))
    return file.getvalue()


CLIPS["subtitles"] = Recipe(
    why="subtitles, chapters and a second video stream, none of which are carried",
    suffix=".mkv",
    make=_with_company,
    lane="copy",
    num_frames=40,
)


def _without_packets() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return file.getvalue()


def _only_sound() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        track = _add_sound(container, AAC)
        container.mux(list(_sound_packets(track, AAC, 1.0)))
    return file.getvalue()


def _refuse(name: str, why: str, suffix: str, make: Callable[[], bytes]) -> None:
    CLIPS[name] = Recipe(why=why, suffix=suffix, make=make, lane="refused")


_refuse("empty", "a file of no bytes", ".mp4", lambda: b"")
_refuse("text", "not a video at all", ".mp4", lambda: b"This is a text, not a video.\n" * 100)
_refuse(
    "playlist",
    "points to other files, which must not be read",
    ".mp4",
    lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
)
_refuse("only_sound", "no video stream", ".mp4", _only_sound)
_refuse("zero_frames", "a video stream without a packet", ".mp4", _without_packets)
_refuse("no_moov", "an MP4 cut off before its index", ".mp4", lambda: clip("cfr").data[:-3000])

DAMAGED_KINDS = (
    "cfr",
    "moov_first",
    "fragmented",
    "mpegts",
    "mkv_23976",
    "avi_bframes",
    "vp9",
    "prores",
    "hevc_open_gop",
)


def damaged(number: int) -> tuple[str, bytes]:
    """One of any number of damaged files: cut off, with flipped bits, zeroed or repeated stretches; the same ever."""
    rng = np.random.default_rng(number)
    name = DAMAGED_KINDS[number % len(DAMAGED_KINDS)]
    data = bytearray(clip(name).data)
    at = int(rng.integers(0, len(data)))
    kind = ("cut off", "bits flipped", "zeroed", "repeated")[int(rng.integers(0, 4))]
    if kind == "cut off":
        del data[at:]
    if kind == "bits flipped":
        for place in rng.integers(0, len(data), int(rng.integers(1, 40))).tolist():
            data[place] ^= 1 << int(rng.integers(0, 8))
    if kind == "zeroed":
        data[at : at + 500] = bytes(len(data[at : at + 500]))
    if kind == "repeated":
        data[at:at] = data[max(at - 700, 0) : at]
    return f"{name} {kind} at {at}", bytes(data)


NOISY_FRAMES = 60


@cache
def noisy(suffix: str, movflags: str = "") -> bytes:
    """About 17 MB of noise with sound, more than a reader keeps: for counting what is fetched."""
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
        track = _add_sound(container, MP3)
        made: list[Packet] = list(_sound_packets(track, MP3, NOISY_FRAMES / 25))
        for number, data in enumerate(_noise()):
            packet: Packet = av.Packet(len(data))
            packet.update(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), video, True
            made.append(packet)
        container.mux(sorted(made, key=_decode_time))


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
