"""List the tracks of a source, and say which of them the output cannot get."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

from av.container import InputContainer
from av.stream import DataStream, Disposition, Stream
from av.video.stream import VideoStream

from slomo_batch.media.demux import has_decoder
from slomo_batch.media.metadata_reading import COVER_CODECS, has_timecode
from slomo_batch.media.packets import has_audio_format, stream_header
from slomo_batch.plan.subtitles import PICTURE_CODECS, TEXT_CODECS
from slomo_batch.records.source_facts import AudioTrack, Track

NOT_THE_MAIN_VIDEO = "not the main video"
UNSUPPORTED_KIND = "unsupported kind of track"
UNSUPPORTED_CODEC = "unsupported codec"
DAMAGED_HEADER = "damaged header"


def tracks_of(container: InputContainer, main_video: VideoStream) -> tuple[Track, ...]:
    """All streams but the main video, in file order."""
    starts = [chapter["start"] * (chapter["time_base"] or Fraction(0)) for chapter in container.chapters()]
    return tuple(_track(stream, starts) for stream in container.streams if stream is not main_video)


def _track(stream: Stream, chapter_starts: Collection[Fraction]) -> Track:
    obstacle = "" if _has_chapters(stream, chapter_starts) else _obstacle(stream)
    language, title = stream.language or "", stream.metadata.get("title", "")
    disposition = tuple(str(flag.name) for flag in stream.disposition)
    if stream.type == "audio" and not obstacle:
        header = stream_header(stream)
        return AudioTrack(
            stream_index=stream.index,
            codec=header.codec,
            language=language,
            title=title,
            disposition=disposition,
            sample_rate=header.sample_rate,
            layout=header.layout,
        )
    return Track(
        stream_index=stream.index,
        kind=stream.type,
        codec=_codec(stream),
        language=language,
        title=title,
        disposition=disposition,
        obstacle=obstacle,
    )


def _has_chapters(stream: Stream, starts: Collection[Fraction]) -> bool:
    """Whether this is the track of an MP4 or MOV that stores its chapters, which begin at these seconds. They are
    kept as chapters."""
    if stream.type != "data" or not starts:
        return False
    return [entry.timestamp * (stream.time_base or 0) for entry in stream.index_entries] == starts


def _obstacle(stream: Stream) -> str:
    """Why the output cannot get this stream; empty if it can."""
    if stream.type == "video":
        is_cover = stream.disposition & Disposition.attached_pic and _codec(stream) in COVER_CODECS
        return "" if is_cover else NOT_THE_MAIN_VIDEO
    if stream.type == "attachment" or has_timecode(stream.metadata):
        return ""
    if stream.type not in {"audio", "subtitle"}:
        return UNSUPPORTED_KIND
    if not has_decoder(stream):
        return UNSUPPORTED_CODEC
    if stream.type == "subtitle":
        return "" if stream_header(stream).codec in TEXT_CODECS | PICTURE_CODECS else UNSUPPORTED_CODEC
    return "" if has_audio_format(stream) else DAMAGED_HEADER


def _codec(stream: Stream) -> str:
    """FFmpeg's name of the codec; empty if PyAV knows none."""
    if has_decoder(stream):
        return stream.codec_context.codec.canonical_name
    return (stream.name or "") if isinstance(stream, DataStream) else ""


# ---- notes ---------------------------------------------------------------------------------------------------------


def notes_on_lost_tracks(tracks: Sequence[Track]) -> Iterator[str]:
    """Notes that count the tracks that no output gets, by kind and reason."""
    lost = Counter((track.kind, track.obstacle) for track in tracks if track.obstacle)
    damaged = lost["audio", DAMAGED_HEADER]
    counts = (
        (lost["video", NOT_THE_MAIN_VIDEO], "other video stream", " not kept"),
        (lost["audio", UNSUPPORTED_CODEC], "audio track", " in an unsupported codec not kept"),
        (lost["subtitle", UNSUPPORTED_CODEC], "subtitle track", " in an unsupported codec not kept"),
        (lost["data", UNSUPPORTED_KIND], "data track", " not kept"),
        (damaged, "audio track", f" not kept: {'its header is' if damaged == 1 else 'their headers are'} damaged"),
    )
    for number, what, becomes in counts:
        if number:
            yield f"{number} {what}{'s' * (number > 1)}{becomes}"
