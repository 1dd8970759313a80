"""What an output gets of its source beside pictures and audio, and a note for everything that it does not get."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from slomo_batch.metadata import Chapter, FileMetadata, Tags
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.containers import Container, container_of, suffixes_with_alpha
from slomo_batch.plan.encode_validation import any_of
from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.plan.subtitles import subtitle_codec, subtitle_losses, subtitle_name, subtitles_of
from slomo_batch.plan.timecode import timecode_at, timecode_refusal
from slomo_batch.records.plans import VideoPlan
from slomo_batch.records.source_facts import ColorFacts, Track
from slomo_batch.side_data import SideData

_SHOWN_TAGS, _SHOWN_LENGTH = 8, 60
"""How many names of tags a note has, and how many characters of each."""


def losses(plan: VideoPlan, output_color: ColorFacts) -> tuple[str, ...]:
    """Return what the output loses of the source beside pictures and audio, a sentence each.

    `output_color` is the color description of the output.
    """
    container = _container(plan)
    stated = container.losses(ENCODERS[plan.resolved.encoder].codec, color=output_color)
    return (
        *stated,
        *_range_notes(plan),
        *_alpha_losses(plan),
        *_side_data_losses(plan.facts.side_data, container),
        *_attachment_losses(plan.facts.other_tracks, container),
        *subtitle_losses(plan.facts, container),
        *_purpose_losses(plan, container),
        *_metadata_losses(plan),
    )


def _container(plan: VideoPlan) -> Container:
    return container_of(plan.request.output_uri.suffix)


def _range_notes(plan: VideoPlan) -> Iterator[str]:
    if plan.resolved.full_to_limited:
        codec = ENCODERS[plan.resolved.encoder].codec
        yield f"full-range samples become limited range, because {codec} cannot signal full range"


# ---- alpha ---------------------------------------------------------------------------------------------------------


def keeps_alpha(plan: VideoPlan) -> bool:
    """Return whether the output gets the source's alpha."""
    return plan.facts.has_alpha and PIXEL_FORMATS[plan.resolved.pixel_format].has_alpha


def _alpha_losses(plan: VideoPlan) -> Iterator[str]:
    if plan.facts.has_alpha and not keeps_alpha(plan):
        stored = (f"{codec} in {any_of(suffixes_with_alpha(codec))}" for codec in CODECS if CODECS[codec].alpha)
        yield f"transparency is not kept; with pixel_format: auto, these store it: {', '.join(stored)}"


# ---- side data -----------------------------------------------------------------------------------------------------


def side_data_for(side_data: SideData, container: Container) -> SideData:
    """Return the part of a source's side data that files of this container state."""
    kept = replace(side_data, dropped=())
    return kept if container.states_geometry else replace(kept, projection=None, stereo="")


def _side_data_losses(side_data: SideData, container: Container) -> Iterator[str]:
    kept = side_data_for(side_data, container).kept
    lost = [name for name in side_data.kept if name not in kept]
    if lost:
        yield f"not kept: {', '.join(lost)}; {container.suffix} does not store this, .mp4 and .mkv do"
    if side_data.dropped:
        yield f"not kept: {', '.join(side_data.dropped)}"


# ---- attached files ------------------------------------------------------------------------------------------------


def attachments_for(tracks: Sequence[Track], container: Container) -> tuple[Track, ...]:
    """Return the attachments and covers that the output gets."""
    return tuple(
        track
        for track in tracks
        if not track.obstacle
        and (
            (track.kind == "attachment" and container.keeps_attachments) or (is_cover(track) and container.keeps_covers)
        )
    )


def is_cover(track: Track) -> bool:
    """Return whether a track is a cover picture."""
    return track.kind == "video" and "attached_pic" in track.disposition


def _attachment_losses(tracks: Sequence[Track], container: Container) -> Iterator[str]:
    kept = attachments_for(tracks, container)
    lost = [track for track in tracks if not track.obstacle and track not in kept]
    covers = sum(is_cover(track) for track in lost)
    attachments = sum(track.kind == "attachment" for track in lost)
    for number, what, where in ((covers, "cover", ".mp4 and .mkv do"), (attachments, "attachment", ".mkv does")):
        if number:
            plural = "s" * (number > 1)
            yield f"{number} {what}{plural} not kept: {container.suffix} does not store {what}s, {where}"


# ---- what tracks are for -------------------------------------------------------------------------------------------


def _purpose_losses(plan: VideoPlan, container: Container) -> Iterator[str]:
    has_audio = plan.request.settings.audio != "drop"
    for number, audio in enumerate(plan.facts.audio if has_audio else (), 1):
        yield from _lost_purposes(audio, audio_name(number, audio.language), container.purposes, container)
    kept = container.purposes | container.subtitle_purposes
    for number, text in enumerate(subtitles_of(plan.facts), 1):
        if subtitle_codec(text.codec, container):
            yield from _lost_purposes(text, subtitle_name(number, text.language), kept, container)


def audio_name(number: int, language: str) -> str:
    """Return the name of an audio track in notes; `number` counts from 1."""
    return f"audio track {number}" + (f" ({language})" if language else "")


def _lost_purposes(track: Track, name: str, kept: frozenset[str], container: Container) -> Iterator[str]:
    lost = [purpose.replace("_", " ") for purpose in track.disposition if purpose not in kept]
    if lost:
        yield f"{name} is no longer marked as {', '.join(lost)}: {container.suffix} does not store this"


# ---- metadata ------------------------------------------------------------------------------------------------------


def metadata_for(plan: VideoPlan) -> FileMetadata:
    """Return the metadata of the output."""
    container, source = _container(plan), plan.facts.metadata
    has_timecode = source.timecode and not _timecode_obstacle(plan)
    return FileMetadata(
        tags=_kept_tags(plan),
        video_tags=source.video_tags if container.keeps_stream_tags else _only_title(source.video_tags),
        chapters=_from_zero(_chapters(plan)) if container.has_exact_times else _chapters(plan),
        timecode=_timecode(plan) if has_timecode else "",
    )


def _metadata_losses(plan: VideoPlan) -> Iterator[str]:
    source, kept, suffix = plan.facts.metadata, metadata_for(plan), _container(plan).suffix
    lost = [name for name, value in source.tags if (name, value) not in kept.tags]
    if lost:
        yield f"not kept: {_tag_names(lost)}; {suffix} does not store other tags beside a cover, .mkv does"
    lost = [name for name, value in source.video_tags if (name, value) not in kept.video_tags]
    if lost:
        yield f"not kept: {_tag_names(lost)} of the video stream; {suffix} does not store them, .mkv does"
    num_outside = len(source.chapters) - len(_chapters(plan))
    if num_outside and not plan.grid.is_range:
        yield f"{num_outside} chapter{'s' * (num_outside > 1)} not kept: outside the video"
    if source.timecode and not kept.timecode:
        yield f"not kept: the start timecode {source.timecode}; {_timecode_obstacle(plan)}"


def _tag_names(names: Sequence[str]) -> str:
    shown = [name[:_SHOWN_LENGTH] for name in names[:_SHOWN_TAGS]]
    more = [f"{len(names) - _SHOWN_TAGS} more"] if len(names) > _SHOWN_TAGS else []
    return f"the tag{'s' * (len(names) > 1)} {', '.join([*shown, *more])}"


def _kept_tags(plan: VideoPlan) -> Tags:
    """The tags of the file. MP4 has two places for tags: with a cover, the one for any name cannot be used."""
    container, tags = _container(plan), plan.facts.metadata.tags
    has_cover = any(is_cover(track) for track in attachments_for(plan.facts.other_tracks, container))
    if not (container.has_exact_times and has_cover):
        return tags
    return tuple((name, value) for name, value in tags if container.has_plain_tag(name))


def _only_title(tags: Tags) -> Tags:
    return tuple((name, value) for name, value in tags if name.lower() == "title")


def _chapters(plan: VideoPlan) -> tuple[Chapter, ...]:
    """The chapters that begin before the output ends, in seconds of the output."""
    end_s = plan.grid.num_frames / plan.grid.rate
    begin_s = plan.grid.first_tick * plan.tick_s
    moved = (
        replace(
            chapter,
            start_s=max(plan.grid.output_s(chapter.start_s - begin_s, plan.tick_s), Fraction(0)),
            end_s=min(plan.grid.output_s(chapter.end_s - begin_s, plan.tick_s), end_s),
        )
        for chapter in plan.facts.metadata.chapters
    )
    return tuple(chapter for chapter in moved if chapter.start_s < end_s and chapter.end_s > 0)


def _from_zero(chapters: tuple[Chapter, ...]) -> tuple[Chapter, ...]:
    """The chapters with an untitled one before them, if they begin later than the video.

    The chapter track of MP4 and MOV has durations but no starts, so FFmpeg reads the first chapter as if it began at
    zero.
    """
    if not chapters or chapters[0].start_s <= 0:
        return chapters
    return (Chapter(start_s=Fraction(0), end_s=chapters[0].start_s, tags=(("title", " "),)), *chapters)


def _timecode(plan: VideoPlan) -> str:
    skipped_s = plan.grid.first_tick * plan.tick_s
    picture_rate = plan.nominal_rate / plan.facts.scan.frames_per_picture
    return timecode_at(plan.facts.metadata.timecode, picture_rate, plan.grid.rate, skipped_s)


def _timecode_obstacle(plan: VideoPlan) -> str:
    """Why the output cannot begin with the source's timecode; empty if it can."""
    container = _container(plan)
    if container.has_exact_times and plan.facts.metadata.chapters:
        return f"FFmpeg writes no timecode beside chapters into {container.suffix}"
    return timecode_refusal(plan.facts.metadata.timecode, plan.grid.rate)
