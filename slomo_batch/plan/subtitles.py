"""Which subtitles a container takes: copied, as other text, or not at all."""

from collections.abc import Iterator

from slomo_batch.plan.containers import Container
from slomo_batch.records.source_facts import Track, VideoFacts

TEXT_CODECS = frozenset({"ass", "microdvd", "mov_text", "mpl2", "sami", "subrip", "subviewer", "text", "webvtt"})
"""Codecs of subtitles that are text, by FFmpeg's names."""
PICTURE_CODECS = frozenset({"dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle"})
"""Codecs of subtitles that are pictures. They are copied, never converted."""


def subtitles_of(facts: VideoFacts) -> tuple[Track, ...]:
    """The subtitle tracks that an output can get, in file order."""
    return tuple(track for track in facts.other_tracks if track.kind == "subtitle" and not track.obstacle)


def subtitle_codec(codec: str, container: Container) -> str:
    """The codec of a track in the output; empty if the container does not take it."""
    if codec in container.copied_subtitles:
        return codec
    return container.text_subtitles if codec in TEXT_CODECS else ""


def subtitle_losses(facts: VideoFacts, container: Container) -> Iterator[str]:
    """What an output loses of the subtitles, a sentence each."""
    for number, track in enumerate(subtitles_of(facts), 1):
        name, codec = subtitle_name(number, track.language), subtitle_codec(track.codec, container)
        if not codec:
            yield f"{name} is not kept: {container.suffix} does not support {track.codec}"
        elif codec != track.codec:
            lost = ", without styles and positions" if track.codec == "ass" else ""
            yield f"{name}: {container.suffix} does not support {track.codec}, so it is converted to {codec}{lost}"


def subtitle_name(number: int, language: str) -> str:
    """The name of a subtitle track in notes; `number` counts from 1."""
    return f"subtitle track {number}" + (f" ({language})" if language else "")
