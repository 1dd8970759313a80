"""The catalogue. Each clip says why it exists; `clip(name)` makes it once.

clip("vfr").data        the file's bytes
CLIPS["vfr"].why        why it exists
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal

import av
from av.stream import Disposition
from av.video.stream import VideoStream

from tests.clips.edits import blanked, from_packet, packed, shifted, tagged, without_ctts
from tests.clips.film import GOP, AudioTone, Film, add_audio, audio_packets, joined, jpeg, made, picture, still

Lane = Literal["copy", "decode", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One tiny file, and what probing should find in it."""

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
    """How a clip is made; its bytes are made on first use."""

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
    """Names of the clips that use these lanes; by default all."""
    return [name for name, recipe in CLIPS.items() if recipe.lane in (lanes or ("copy", "decode", "refused"))]


def _add(name: str, why: str, film: Film, lane: Lane = "copy", num_frames: int | None = None) -> None:
    shown = film.num_frames if num_frames is None else num_frames
    CLIPS[name] = Recipe(
        why=why, suffix=film.suffix, make=lambda: made(film), lane=lane, num_frames=0 if lane == "refused" else shown
    )


# ---- what there is -------------------------------------------------------------------------------------------------

NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
VFR_PTS = [0, 40, 80, 120, 137, 200, 240, 300, 333, 400, 440, 480, 523, 560, 600, 680, 720, 750, 800, 840]
AAC, MP3 = AudioTone(), AudioTone(codec="libmp3lame")

_add("cfr", "the ordinary case: constant rate, B-frames, several GOPs, audio", Film(options=GOP, audio=(AAC,)))
_add("no_audio", "an ordinary picture without any audio", Film(options=GOP))
_add("ntsc", "a rate that is no whole number, exact in the file", Film(options=GOP, rate=NTSC, suffix=".mov"))
_add(
    "mkv_23976",
    "23.976 in Matroska: timestamps rounded to milliseconds, rate recognized",
    Film(options=GOP, rate=NTSC_FILM, suffix=".mkv"),
)
_add(
    "vfr",
    "variable frame rate",
    Film(options=GOP, pts=VFR_PTS, num_frames=len(VFR_PTS), time_base=Fraction(1, 1000), suffix=".mkv"),
)
_add(
    "moov_first", "the index in front of the payload", Film(options=GOP, muxer={"movflags": "faststart"}, audio=(AAC,))
)
_add(
    "fragmented",
    "fragmented MP4: no index for the whole, audio and picture far apart",
    Film(options=GOP, muxer={"movflags": "frag_keyframe+empty_moov"}, audio=(AAC,)),
)
_add("mpegts", "a transport stream: no index, times start at 1.4 s", Film(options=GOP, suffix=".ts", audio=(AAC,)))
_add(
    "edit_list",
    "an edit list that hides the first frames: they must be decoded, not shown",
    Film(options=GOP, edit=shifted(-8), muxer={"avoid_negative_ts": "disabled"}),
    num_frames=32,
)
_add(
    "late_start", "an edit list with a delay before the first frame", Film(options=GOP, edit=shifted(10), audio=(AAC,))
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
    "PQ, without light levels",
    Film(options=GOP, pix_fmt="yuv420p10le", tune=tagged(color_trc=16, color_primaries=9, colorspace=9)),
)
_add(
    "hdr_hlg",
    "HLG",
    Film(
        codec="libx265",
        pix_fmt="yuv420p10le",
        num_frames=8,
        size=(64, 64),
        tune=tagged(color_trc=18),
        options={"x265-params": "log-level=none:transfer=arib-std-b67"},
    ),
)
_add("rotated", "held upright: a player turns it", Film(options=GOP, tune=lambda video: video.set_display_rotation(90)))
_add(
    "full_range",
    "full range, BT.601, tagged so",
    Film(options=GOP, pix_fmt="yuvj420p", tune=tagged(color_range=2, colorspace=6, color_primaries=6, color_trc=6)),
)
_add(
    "two_tracks",
    "two audio tracks with languages",
    Film(
        options=GOP,
        audio=(AudioTone(language="eng"), AudioTone(layout="stereo", language="deu", hertz=880)),
        suffix=".mkv",
    ),
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
    Film(codec="mpeg4", options={"bf": "2", "g": "12"}, suffix=".avi", audio=(MP3,)),
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
    Film(options=GOP, num_frames=20, size=(96, 72), suffix=".ts"),
)
CLIPS["size_change"] = Recipe(
    why="the picture's size changes midway: smaller pictures are fitted into the largest",
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


def _with_every_kind_of_track() -> bytes:
    file = io.BytesIO()
    srt = io.BytesIO(b"1\n00:00:00,000 --> 00:00:00,300\nBonjour\n\n")
    tones = AudioTone(language="eng"), AudioTone(language="deu", layout="stereo")
    with av.open(srt, "r", format="srt") as text, av.open(file, "w", format="matroska") as container:
        video = container.add_stream("mpeg4", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        main, comments = (add_audio(container, tone) for tone in tones)
        subtitles = container.add_stream_from_template(text.streams[0], opaque=True)
        font = container.add_attachment("letters.ttf", "font/ttf", b"not really a font")
        container.add_attachment("cover.jpg", "image/jpeg", jpeg())
        main.disposition = Disposition.default
        comments.disposition = Disposition.comment | Disposition.hearing_impaired
        subtitles.disposition = Disposition.forced
        subtitles.metadata["language"] = "fra"
        titles = {main: "Film", comments: "Kommentar", subtitles: "Sous-titres", font: "Letters"}
        for track, title in titles.items():
            track.metadata["title"] = title
        packets = [packet for number in range(12) for packet in video.encode(picture(number, (64, 48), "yuv420p"))]
        packets += video.encode(None)
        for track, tone in zip((main, comments), tones, strict=True):
            packets += audio_packets(track, tone, 0.48)
        for packet in text.demux():
            if packet.size:
                packet.stream = subtitles
                packets.append(packet)
        container.mux(packets)
    return file.getvalue()


CLIPS["tracks"] = Recipe(
    why="two audio tracks, subtitles, a font and a cover picture, with languages, titles and dispositions",
    suffix=".mkv",
    make=_with_every_kind_of_track,
    num_frames=12,
)


def _with_timecode() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        container.metadata["timecode"] = "01:00:00:00"
        video = container.add_stream("mpeg4", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            container.mux(video.encode(picture(number, (64, 48), "yuv420p")))
        container.mux(video.encode(None))
    return file.getvalue()


CLIPS["timecode"] = Recipe(
    why="a timecode track, as cameras write it", suffix=".mov", make=_with_timecode, num_frames=12
)


def _without_packets() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return file.getvalue()


def _only_audio() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        track = add_audio(container, AAC)
        container.mux(list(audio_packets(track, AAC, 1.0)))
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
_refuse("only_audio", "no video stream", ".mp4", _only_audio)
_refuse("zero_frames", "a video stream without a packet", ".mp4", _without_packets)
_refuse("picture", "a picture, as of a sequence of scans", ".dpx", lambda: still("dpx", "rgb24"))
_refuse("no_moov", "an MP4 cut off before its index", ".mp4", lambda: clip("cfr").data[:-3000])
