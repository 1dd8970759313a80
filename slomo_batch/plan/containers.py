"""Containers of the output: one table that holds every fact about one, with the audio encoders that they name.

Whatever depends on the output's file suffix asks the record of its container: validation, notes of the plan, audio,
stitching, the check of the finished file, its content type.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.encode_validation import any_of, named_codec
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec, Encode

# ---- audio encoders ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioEncoder:
    """How audio that cannot be copied is encoded."""

    name: str
    """FFmpeg's name."""
    title: str
    """Its name in notes."""
    sample_format: str
    """FFmpeg's name of the sample format that it takes."""
    sample_format_16_bit: str
    """The same, for sources of at most 16 bits per sample."""
    bits_per_channel: int | None
    """Bits per second and channel; None if it is lossless."""
    rates: frozenset[int] | None
    """Sample rates that it supports; None for all."""
    other_rate: int = 48_000
    """Sample rate used for rates that it does not support."""
    layouts: frozenset[str]
    """Channel layouts that are kept, by FFmpeg's names."""
    mixed_layouts: Mapping[str, str] = field(default_factory=dict)
    """Layouts that are mixed to another one, so that every channel is heard from where it was."""
    usual_layouts: Mapping[int, str]
    """Names for all other layouts, by number of channels (6: "5.1", also for 5.1(side)). All are kept or mixed."""

    def rate_for(self, sample_rate: int) -> int:
        """Return the sample rate of the encoded track."""
        return sample_rate if self.rates is None or sample_rate in self.rates else self.other_rate

    def source_layout(self, layout: str, num_channels: int) -> str:
        """Return the name under which a source's channels are kept or mixed: stereo if there are too many."""
        is_known = layout in self.layouts or layout in self.mixed_layouts
        return layout if is_known else self.usual_layouts.get(num_channels, "stereo")

    def layout_for(self, source_layout: str) -> str:
        """Return the channel layout of the encoded track; `source_layout` is a name that `source_layout` returned."""
        return self.mixed_layouts.get(source_layout, source_layout)

    def sample_format_for(self, source_format: str) -> str:
        """Return the sample format of the encoded track; `source_format` is FFmpeg's name of the source's."""
        return self.sample_format_16_bit if source_format.startswith(("s16", "u8")) else self.sample_format


_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_LAYOUTS = frozenset({"mono", "stereo", "2.1", "3.0", "3.0(back)", "4.0", "quad", "5.0", "5.1", "7.1"})
_MIXED_LAYOUTS: Mapping[str, str] = {
    "quad(side)": "quad",
    **dict.fromkeys(("3.1", "4.1", "3.1.2"), "5.1"),
    **dict.fromkeys(("6.0", "6.0(front)", "hexagonal", "6.1", "6.1(back)", "6.1(front)"), "7.1"),
    **dict.fromkeys(("7.0", "7.0(front)", "7.1(wide)", "7.1(wide-side)", "octagonal"), "7.1"),
    **dict.fromkeys(("5.1.2", "5.1.2(back)", "7.1.2"), "7.1"),
}
"""Layouts that no encoder below has: a name of the same number of channels would move some to other speakers."""

AAC = AudioEncoder(
    name="aac",
    title="AAC",
    sample_format="fltp",
    sample_format_16_bit="fltp",
    bits_per_channel=96_000,
    rates=frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000}),
    layouts=_LAYOUTS,
    mixed_layouts=_MIXED_LAYOUTS,
    usual_layouts=_USUAL_LAYOUTS,
)
"""192 kbit/s in stereo. With 6.1 and 7.1(wide), of which AAC has no number, decoders do not know the speakers."""
FLAC = AudioEncoder(
    name="flac",
    title="FLAC",
    sample_format="s32",
    sample_format_16_bit="s16",
    bits_per_channel=None,
    rates=None,
    layouts=_LAYOUTS | {"6.1", "7.1(wide)"},
    mixed_layouts={layout: mixed for layout, mixed in _MIXED_LAYOUTS.items() if layout not in {"6.1", "7.1(wide)"}}
    | {"6.0": "6.1"},
    usual_layouts=_USUAL_LAYOUTS,
)
OPUS = AudioEncoder(
    name="libopus",
    title="Opus",
    sample_format="flt",
    sample_format_16_bit="flt",
    bits_per_channel=96_000,
    rates=frozenset({48_000}),
    layouts=frozenset({"mono", "stereo", "3.0", "quad", "5.1", "7.1"}),
    mixed_layouts={
        **_MIXED_LAYOUTS,
        "3.0(back)": "quad",
        **dict.fromkeys(("2.1", "4.0", "5.0", "5.0(side)"), "5.1"),
    },
    usual_layouts={**_USUAL_LAYOUTS, 4: "quad"},
)
"""Decoders return 48,000 Hz whatever the encoder was given. libopus accepts 5.0 and 6.1 too, but FFmpeg gives it their
channels in a wrong order."""

# ---- containers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a kind of file stores, and how FFmpeg writes it."""

    suffix: str
    """File suffix, in lower case."""
    muxer: str
    """FFmpeg's name of the muxer."""
    content_type: str
    """Media type, for object stores."""
    codecs: frozenset[Codec]
    """Video codecs."""
    auto_codecs: tuple[Codec, Codec] = ("h264", "hevc")
    """What `codec: auto` means, without HDR and with it."""
    tags: Mapping[Codec, str] = field(default_factory=dict)
    """Codec tags that differ from FFmpeg's choice."""
    copied_audio: frozenset[str]
    """Audio codecs of tracks that can be copied, by FFmpeg's names."""
    lossy_audio: AudioEncoder = AAC
    """Encoder of other tracks."""
    lossless_audio: AudioEncoder = AAC
    """Encoder of other tracks whose source is lossless."""
    copied_subtitles: frozenset[str]
    """Codecs of subtitle tracks that can be copied, by FFmpeg's names."""
    text_subtitles: str
    """Codec that subtitles in another text codec are converted to."""
    purposes: frozenset[str]
    """What a track can be for (`Track.disposition`)."""
    subtitle_purposes: frozenset[str] = frozenset()
    """The same for subtitle tracks, beside `purposes`."""
    has_exact_times: bool
    """True for the family of MP4: times are exact to the tick, the index is at the front, and an edit list states the
    delay of audio. False for that of Matroska: times are rounded to milliseconds, and each audio track's header states
    its delay."""
    max_rate: Fraction | None = None
    """Largest frame rate, if the time base limits it."""
    states_geometry: bool = True
    """True if the file states projection and stereo layout so that players find them."""
    plain_tags: frozenset[str] | None = None
    """Tags of the file, in lower case, that FFmpeg stores where most players look; None: all."""
    keeps_stream_tags: bool = False
    """True if the file stores tags of the video stream."""
    keeps_covers: bool = False
    """True if the file stores cover pictures."""
    keeps_attachments: bool = False
    """True if the file stores other files, such as fonts; covers too."""
    keeps_alpha_beside: bool = False
    """True if the file stores alpha beside the packets of a codec."""
    states_partial_color: bool
    """True if the file states a color description of which only a part is known."""

    def has_plain_tag(self, name: str) -> bool:
        """Return whether FFmpeg stores this tag of the file where most players look."""
        return self.plain_tags is None or name.lower() in self.plain_tags

    def codec_for(self, encode: Encode, *, is_hdr: bool) -> Codec:
        """Return the codec that the settings mean for a video."""
        codec = named_codec(encode)
        return self.auto_codecs[is_hdr] if codec == "auto" else codec

    def keeps_alpha(self, codec: Codec) -> bool:
        """Return whether the file stores alpha with this codec."""
        where = CODECS[codec].alpha
        return codec in self.codecs and (where == "in packets" or (where != "" and self.keeps_alpha_beside))

    def keeps_color(self, codec: Codec, color: ColorFacts) -> bool:
        """Return whether the file keeps this color description."""
        is_whole = "unspecified" not in {color.primaries, color.transfer, color.matrix}
        return CODECS[codec].states_color or self.states_partial_color or is_whole

    def losses(self, codec: Codec, *, color: ColorFacts) -> tuple[str, ...]:
        """Return what the file loses of a video with this codec, a sentence each."""
        losses, suffix = [], self.suffix
        if not self.has_exact_times:
            losses.append(f"timestamps in {suffix} are rounded to 1 ms, so frame times are off by up to 0.5 ms")
        if not self.keeps_color(codec, color):
            losses.append(f"the color description is lost: {suffix} with {codec} stores it only if all of it is known")
        return tuple(losses)


_COMPRESSED = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})
_PCM = frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le"})
_HEVC_TAG: Mapping[Codec, str] = {"hevc": "hvc1"}
"""Apple's players open HEVC with this tag only."""

_MP4_PURPOSES = frozenset(
    {
        *("default", "dub", "comment", "forced"),
        *("hearing_impaired", "visual_impaired", "captions", "descriptions"),
    }
)
_MKV_PURPOSES = frozenset({"default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired"})
_MOV_TAGS = frozenset(
    {"title", "artist", "album", "date", "comment", "genre", "copyright", "location", "creation_time"}
)
_MP4_TAGS = _MOV_TAGS | {
    *("album_artist", "composer", "description", "synopsis", "show", "episode_id", "network", "keywords", "grouping"),
    *("lyrics", "season_number", "episode_sort", "disc", "track"),
}

_TABLE = (
    Container(
        suffix=".mp4",
        muxer="mp4",
        content_type="video/mp4",
        codecs=frozenset({"h264", "hevc", "av1", "vp9", "ffv1"}),
        tags=_HEVC_TAG,
        copied_audio=_COMPRESSED,
        copied_subtitles=frozenset({"mov_text"}),
        text_subtitles="mov_text",
        purposes=_MP4_PURPOSES,
        has_exact_times=True,
        plain_tags=_MP4_TAGS,
        keeps_covers=True,
        states_partial_color=False,
    ),
    Container(
        suffix=".mov",
        muxer="mov",
        content_type="video/quicktime",
        codecs=frozenset({"h264", "hevc", "prores"}),
        tags=_HEVC_TAG,
        copied_audio=(_COMPRESSED | _PCM) - {"flac", "opus"},
        copied_subtitles=frozenset({"mov_text"}),
        text_subtitles="mov_text",
        purposes=frozenset({"default"}),
        has_exact_times=True,
        states_geometry=False,  # FFmpeg writes only the boxes of Apple's spatial video
        plain_tags=_MOV_TAGS | {"make", "model"},
        states_partial_color=False,
    ),
    Container(
        suffix=".mkv",
        muxer="matroska",
        content_type="video/x-matroska",
        codecs=frozenset({"h264", "hevc", "av1", "vp9", "prores", "ffv1"}),
        copied_audio=_COMPRESSED | _PCM | {"mp2", "vorbis", "dts", "truehd", "pcm_u8"},
        lossless_audio=FLAC,
        copied_subtitles=frozenset({"subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"}),
        text_subtitles="subrip",
        purposes=_MKV_PURPOSES,
        subtitle_purposes=frozenset({"descriptions"}),
        has_exact_times=False,
        max_rate=Fraction(1000),  # beyond it, two frames would have the same time
        keeps_stream_tags=True,
        keeps_alpha_beside=True,
        keeps_covers=True,
        keeps_attachments=True,
        states_partial_color=True,
    ),
    Container(
        suffix=".webm",
        muxer="webm",
        content_type="video/webm",
        codecs=frozenset({"av1", "vp9"}),
        auto_codecs=("vp9", "av1"),
        copied_audio=frozenset({"opus", "vorbis"}),
        lossy_audio=OPUS,
        copied_subtitles=frozenset({"webvtt"}),
        text_subtitles="webvtt",
        purposes=frozenset({"default", "forced"}),
        subtitle_purposes=frozenset({"captions", "descriptions", "metadata"}),
        lossless_audio=OPUS,
        has_exact_times=False,
        max_rate=Fraction(1000),
        keeps_stream_tags=True,
        keeps_alpha_beside=True,
        states_partial_color=True,
    ),
)
CONTAINERS: Mapping[str, Container] = {container.suffix: container for container in _TABLE}
"""The containers, by file suffix."""


def container_of(suffix: str) -> Container:
    """Return the container of files with this suffix (".mp4"), in any case. It is valid by validate_container."""
    return CONTAINERS[suffix.lower()]


def validate_container(codec: Literal["auto"] | Codec, suffix: str, pixel_format: str = "auto") -> list[str]:
    """Return why a file with this suffix (".mp4") cannot contain this codec in this format; empty if it can."""
    container = CONTAINERS.get(suffix.lower())
    if container is None:
        what = f"unsupported output suffix {suffix}" if suffix else "the output has no suffix"
        return [f"{what}; use {any_of(CONTAINERS)}"]
    if codec == "auto":
        return []
    if codec not in container.codecs:
        fitting = any_of(other.suffix for other in CONTAINERS.values() if codec in other.codecs)
        return [f"{suffix} does not support {codec}; use {fitting}, or {any_of(sorted(container.codecs))} in {suffix}"]
    has_alpha = pixel_format in PIXEL_FORMATS and PIXEL_FORMATS[pixel_format].has_alpha
    if has_alpha and not container.keeps_alpha(codec):
        return [f"{suffix} does not support {pixel_format} with {codec}; use {any_of(suffixes_with_alpha(codec))}"]
    return []


def suffixes_with_alpha(codec: Codec) -> list[str]:
    """Return the suffixes of files that store alpha with this codec."""
    return [suffix for suffix, container in CONTAINERS.items() if container.keeps_alpha(codec)]
