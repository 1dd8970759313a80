"""Settings: everything that a manifest can set but the files themselves. Each is declared here, once.

A record is a section of the manifest, and its fields are the keys. Defaults are those of the first version: ids are
made of them (see `plan.id_inputs`).
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from slomo_batch.declarations import setting

NetworkName = Literal["superslomo-paper", "superslomo-compact", "superslomo-guided", "superslomo-matched"]
Codec = Literal["h264", "hevc", "av1", "vp9", "prores", "ffv1"]
Precision = Literal["fp32", "bf16", "fp16"]
AudioMode = Literal["auto", "keep", "stretch", "resample", "drop"]
ScanSetting = Literal["auto", "interlaced", "progressive", "telecine"]
Deinterlace = Literal["field", "frame", "refuse"]
Tiles = Literal["auto", "always", "never"]
Exists = Literal["skip", "replace", "fail"]
Doubt = Literal["trust", "blend", "hold"]


# ---- of a video ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FpsTarget:
    """The output frame rate of the manifest."""

    kind: Literal["source", "rate", "multiple"]
    """The source's own rate, a fixed one, or a multiple of the source's."""
    value: Fraction
    """Frames per second for `rate`, the factor for `multiple`, 1 for `source`."""

    def of(self, source_rate: Fraction) -> Fraction:
        """Output frames per second for a source of `source_rate` frames per second."""
        return self.value if self.kind == "rate" else source_rate * self.value

    def __str__(self) -> str:
        """As the manifest writes it: source, 60, x2."""
        return "source" if self.kind == "source" else f"{'x' if self.kind == 'multiple' else ''}{self.value}"


_INSTANT = 'seconds, `"1:30.5"`, or a timecode such as `"00:01:30:12"`'


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A part of the source, counted from its first frame."""

    start: str = setting(
        "",
        """where the output begins: the first frame that begins at this time or later. See [Ranges](#ranges)""",
        values=_INSTANT,
        unset="the first frame",
        form="instant",
        is_later=True,
    )
    end: str = setting(
        "",
        "where the output ends: frames that begin at this time or later are left out",
        values=_INSTANT,
        unset="the end of the video",
        form="instant",
        is_later=True,
    )
    duration: str = setting(
        "",
        "how long the range lasts, in seconds of the source, instead of an end",
        values=_INSTANT,
        unset="up to the end",
        form="instant",
        is_later=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retime:
    """Time: duration and frame rate of the output, and the part of the source that it shows."""

    slowdown: Fraction = setting(
        Fraction(4),
        "how many times longer the output lasts; `1` keeps the duration",
        values='a number, 1 or more: `4`, `2.5`, `"5/2"`',
        least=1,
    )
    fps: FpsTarget = setting(
        FpsTarget(kind="source", value=Fraction(1)),
        """frame rate of the output, in frames per second: the source's, a fixed one (`60`, `"60000/1001"`), or a
        multiple of the source's (`x2`)""",
        values="`source`, a rate, a multiple",
    )
    range: Range = Range()
    ramp: str = setting(
        "",
        "slowdowns that change along the source, in place of `slowdown`. See [Ramps](#ramps)",
        values="a list of keys: `[{at: 0, slowdown: 1}, {at: 2, slowdown: 8}]`",
        unset="none",
        form="ramp",
        is_later=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolate:
    """New frames: how the frames between source frames are made."""

    method: str = setting(
        "superslomo",
        """how frames are made: `superslomo` (the neural network), `flow` (classical optical flow), `mci`
        (motion-compensated blocks), `blend` (a cross-fade) or `duplicate` (the nearest source frame); see
        [Methods](#methods)""",
        form="method",
    )
    weights: str = setting(
        "compact",
        """weights of the network. `compact` means the newest shipped `compact-N`, and `matched` the newest `matched-N`,
        [whose network needs no search on the CPU](models/matched-4.md); the job's first run decides which one that is,
        and later runs keep it""",
        values="a shipped name, or the URI of a `.safetensors` file or of the public `.ckpt` file",
        form="weights",
    )
    cuts: Literal["hold", "ignore"] = setting(
        "hold",
        """at a scene cut, and where two parts of a joined file meet: `hold` shows the nearest source frame, `ignore`
        interpolates across the cut""",
    )
    duplicates: Literal["keep", "retime"] = setting(
        "keep",
        """what to do with a repeated source frame: `keep` shows it again, without running the network; `retime` leaves
        it out and spaces the others evenly, for animation on twos, 24 frames in 30 and the like. See
        [Repeated frames](#repeated-frames-interpolateduplicates)""",
    )
    doubt: Doubt = setting(
        "trust",
        """what to do where the method's own evidence suggests that it failed: `trust` uses the frame, `blend` fades to
        a cross-fade in those regions and keeps static overlays, `hold` shows the nearest source frame throughout a pair
        of which much is doubted; see [Doubt](#doubt). `blend` and `hold` need `superslomo` or `flow`""",
        is_later=True,
    )
    precision: Literal["auto"] | Precision = setting(
        "auto",
        """number format of the network's arithmetic; flow and sampling positions always use fp32. The job's first run
        decides what `auto` means ([why](decisions/0002-precision-and-threads-are-pinned-with-the-job.md))""",
    )
    flow_scale: Literal["auto"] | Fraction = setting(
        "auto",
        """the resolution at which motion is estimated, relative to the picture. A smaller one needs less time and
        memory. `auto`: `1` up to twice the pixels of 1920x1080, `1/2` up to eight times, then `1/4`""",
        choices=(Fraction(1), Fraction(1, 2), Fraction(1, 4)),
    )
    tiles: Tiles = setting(
        "auto",
        """whether `superslomo` makes a frame in overlapping tiles, which needs less memory. `auto`: if a pair of whole
        frames does not fit into the memory of the job's first worker
        ([why](decisions/0019-large-frames-are-made-in-tiles.md))""",
        is_later=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode:
    """Encoding of the output."""

    codec: Literal["auto"] | Codec = setting(
        "auto",
        """the video codec; see [Codecs and containers](#codecs-and-containers). `auto`: h264, or hevc for HDR;
        in `.webm` vp9, or av1 for HDR""",
    )
    quality: int = setting(
        18,
        """constant quality. h264 and hevc: CRF, 0 to 51; av1 and vp9: CRF, 0 to 63; lower means better quality and
        larger files. prores: the profile, 0 (proxy) to 5 (4444 XQ); if you leave it out, HQ, or 4444 for 4:4:4 sources.
        ffv1 is lossless and ignores it""",
        values="a whole number",
        least=0,
    )
    preset: str = setting(
        "medium",
        "a slower preset makes smaller files. All encoders take these names; prores and ffv1 ignore them",
        values="`ultrafast`, `superfast`, `veryfast`, `faster`, `fast`, `medium`, `slow`, `slower`, `veryslow`",
    )
    encoder: str = setting(
        "auto",
        "`auto` uses NVENC if its encoder of the codec works on the machine, otherwise software",
        values="`auto`, `software`, `nvenc`, or FFmpeg's name",
    )
    pixel_format: str = setting(
        "auto",
        """the pixel format of the output. `auto`: the nearest to the source's that most players of the codec open; see
        [Codecs and containers](#codecs-and-containers)""",
        values="`auto`, or FFmpeg's name, such as `yuv420p10le`",
    )
    tune: Literal["none", "film", "animation", "grain"] = setting(
        "none",
        """what the encoder is tuned for: `film`, `animation`, or `grain`, which keeps film grain and makes larger
        files. h264 takes all, hevc `animation` and `grain`; only in software""",
        is_later=True,
    )
    keyframe_s: Literal["auto"] | Fraction = setting(
        "auto",
        """the largest distance of keyframes, in seconds. Players seek to keyframes; a smaller distance makes larger
        files. `auto`: 2. Every chunk begins with a keyframe; prores and ffv1 have only keyframes""",
        values="`auto`, or seconds: `1`, `0.5`",
        is_later=True,
    )
    max_bit_rate: int = setting(
        0,
        """a limit on the bit rate, in bits per second, for streaming: quality falls where `quality` needs more. It
        holds within each segment, on average over a second or two, so the start of a chunk can exceed it; vp9 keeps it
        on average. Not for prores and ffv1. With a limit, h264 that is made again can have other bytes""",
        values="`0` (no limit), or bits per second: `8000000`, `8M`, `800k`",
        form="bit_rate",
        is_later=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSettings:
    """Settings that the manifest, an input, a row of a catalog and --set can set."""

    retime: Retime = field(default_factory=Retime)
    interpolate: Interpolate = field(default_factory=Interpolate)
    audio: AudioMode = setting(
        "auto",
        """what happens to the audio tracks: `keep` copies them, only with `slowdown: 1`; `stretch` slows them down at
        the same pitch; `resample` lets the pitch fall; `drop` removes them. `auto`: `keep` with `slowdown: 1`,
        otherwise `stretch`""",
    )
    encode: Encode = field(default_factory=Encode)
    scan: ScanSetting = setting(
        "auto",
        """whether the source's pictures are interlaced. `auto`: as the pictures show, or as they are flagged if they do
        not show it clearly. `telecine` decides for each picture separately, and restores the frames of telecined film
        (inverse telecine); see [below](#interlaced-video-scan-deinterlace)""",
        is_later=True,
    )
    deinterlace: Deinterlace = setting(
        "field",
        """what is made of an interlaced picture: `field` makes a source frame of each field, so that 25 pictures per
        second become 50 frames per second; `frame` makes one of the whole picture, at the same rate; `refuse` makes
        the video fail""",
        is_later=True,
    )


# ---- of a job ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """Chunks, the units of work."""

    pairs: Literal["auto"] | int = setting(
        "auto",
        """how many pairs of source frames make a chunk, the unit of work. `auto` depends only on picture size and
        settings: for example 31 at 1920x1080 and 4x. Larger chunks need fewer S3 requests, but an interruption loses
        more work""",
        least=1,
        changes_output=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """Tolerances."""

    max_held_frames: int = setting(
        12,
        """the largest allowed number of source frames that cannot be decoded. Each is shown as a copy of its neighbor.
        With more, the video fails. It always fails if more than one frame and more than a tenth of all frames cannot be
        decoded""",
        least=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(VideoSettings):
    """All settings of one video, as composed: defaults < manifest < input < table row < --set."""

    chunks: Chunks = field(default_factory=Chunks)
    limits: VideoLimits = field(default_factory=VideoLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Number of workers."""

    min: int = setting(0, "workers to keep even if there is no work for them", least=0)
    max: Literal["auto"] | int = setting(
        "auto", "the most workers. `auto`: 8, or fewer if there is no room or no work for them", least=1
    )
    hang_s: int = setting(
        3600,
        """a worker hangs if it spends this long on one chunk, or 20 times as long as the slowest chunk of that size so
        far, whichever is longer; before the first chunk is made, if it reports nothing for this long, and for an hour.
        A step hangs if it reports nothing for this long, or for 20 times as long as any step of its kind so far, in
        proportion to the size of the video. They are [killed](operations.md#runs-workers-and-machines) and tried
        elsewhere. With `inline` nothing can be killed: a line names the call""",
        values="seconds, 0 and more",
        least=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The Ray cluster and its workers."""

    address: str = setting(
        "auto",
        """where the work runs: `auto` (the cluster of this machine, or else a local Ray), `inline` (this process,
        without Ray), `local` (a new local Ray), or the address of a Ray cluster""",
        values="`auto`, `inline`, `local`, `host:port`, `http://host:port`, `ray://host:port`",
        form="address",
    )
    workers: Workers = field(default_factory=Workers)
    gpus_per_worker: Literal["auto"] | Fraction = setting(
        "auto",
        """GPUs for each worker; `0` uses none. `auto`: 1 if there are any. A number also requests machines with GPUs
        that the cluster has not started yet. Set one if the cluster's head offers no CPU or its autoscaler reports GPU
        types: otherwise the job is refused (exit code 2), unless such GPUs are already running""",
        values="`auto`, or 0 and more, also fractions",
        least=0,
    )
    cpus_per_worker: Literal["auto"] | int = setting(
        "auto",
        """CPUs for each worker, which makes so many pairs of frames at once, of one or more chunks. `auto`: 1 on a
        cluster, where one CPU in eight of each machine is kept for steps. On this machine, workers share all cores:
        without GPUs at most about 8 each; with GPUs each takes its share but one, which is left for steps""",
        least=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Retries."""

    chunk: int = setting(3, "how often a chunk is tried again after its first attempt failed", least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the job may spend, over all its runs: hours, or money and the price of an hour."""

    hours: Literal["none"] | Fraction = setting(
        "none",
        "machine hours that the job may use, over all its runs",
        values="`none`, or above 0",
        is_later=True,
        changes_output=False,
    )
    money: Literal["none"] | Fraction = setting(
        "none",
        "in place of `hours`: what the job may cost, in any currency",
        values="`none`, or above 0",
        is_later=True,
        changes_output=False,
    )
    price_per_hour: Literal["none"] | Fraction = setting(
        "none",
        "with `money`: the price of a machine hour, in the same currency",
        values="`none`, or above 0",
        is_later=True,
        changes_output=False,
    )

    @property
    def limit_hours(self) -> Fraction | None:
        """Machine hours that the job may use; None without a budget."""
        if self.hours != "none":
            return self.hours
        if self.money != "none" and self.price_per_hour != "none":
            return self.money / self.price_per_hour
        return None
