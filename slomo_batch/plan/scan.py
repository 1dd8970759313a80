"""Decide whether a video is interlaced, and which of its fields is shown first.

The pictures decide if they are clear; otherwise the flags of the container and the codec do. The setting `scan`
overrides both. If the pictures are not all scanned alike, or are film with repeated fields, a survey of the whole video
decides about each.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slomo_batch.errors import SourceUnsupported
from slomo_batch.records.source_facts import FieldOrder, Scan, ScanFlag
from slomo_batch.settings import Deinterlace, ScanSetting
from slomo_batch.timeline.scan_counts import ScanCounts

MIN_DETERMINED = 6
"""Fewest pictures that must be determined for the pictures to decide."""
NAMES: Mapping[FieldOrder, str] = {
    "progressive": "progressive",
    "tff": "interlaced (top field first)",
    "bff": "interlaced (bottom field first)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEvidence:
    """What was found in a source. Pictures are sampled at its start, in the middle and near its end."""

    flags: Mapping[str, int]
    """How many of the decoded pictures have each scan flag: progressive, tff or bff."""
    change: str = ""
    """Which is the first picture whose flag differs from those before it; empty if there is none."""
    header: FieldOrder | None = None
    """The field order that the container states; None if it states none."""
    verdicts: Sequence[str] = ()
    """What the samples of each examined picture show: progressive, tff, bff or undetermined."""
    may_be_fields: bool = False
    """Whether a picture of this codec may be a single field, of half the height."""
    show_film: bool = False
    """Whether the samples show film with repeated fields."""
    can_deinterlace: bool = True
    """Whether the size and the pixel format allow it."""


def decide_scan(
    evidence: ScanEvidence, scan: ScanSetting, deinterlace: Deinterlace, name: str
) -> tuple[Scan, tuple[str, ...]]:
    """How the pictures of the source `name` are scanned, with notes for the plan; a pure function.

    Raises:
        SourceUnsupported: the video is interlaced and `deinterlace` is refuse, or its pictures are too small.
    """
    has_both_orders = bool(evidence.flags.get("tff") and evidence.flags.get("bff"))
    if scan in {"auto", "telecine"} and evidence.may_be_fields and has_both_orders:
        raise SourceUnsupported(
            "not yet supported: video whose pictures are single fields",
            where=name,
            remedy="Weave them first, for example with FFmpeg's weave filter.",
        )
    if reason := _reason_for_survey(evidence, scan):
        if not evidence.can_deinterlace:
            raise _cannot_deinterlace(name, scan)
        return Scan(flags="any", varies=True), (f"each picture is examined in a survey: {reason}",)
    order, flags, note = _found(evidence, scan)
    if order == "progressive":
        return Scan(flags=flags), (note,) if note else ()
    if deinterlace == "refuse":
        raise SourceUnsupported(
            "the video is interlaced",
            where=name,
            got=NAMES[order],
            remedy="Set deinterlace to field or frame, or scan to progressive if its pictures are not interlaced.",
        )
    if not evidence.can_deinterlace:
        raise _cannot_deinterlace(name, scan)
    num_frames, what = (2, "each field becomes a source frame") if deinterlace == "field" else (1, "at the same rate")
    made = Scan(field_order=order, frames_per_picture=num_frames, flags=flags)
    is_doubtful = scan == "auto" and content_of(evidence.verdicts) is None
    hint = "; if its pictures are whole, set `scan: progressive`" if is_doubtful else ""
    return made, (f"{note}; it is deinterlaced by bwdif, {what}{hint}",)


def check_interlaced(counts: ScanCounts, deinterlace: Deinterlace, name: str) -> None:
    """Check that no picture of the source `name` was found interlaced in its survey, if `deinterlace` is refuse.

    Raises:
        SourceUnsupported: some are.
    """
    if deinterlace == "refuse" and counts.interlaced:
        raise SourceUnsupported(
            "a part of the video is interlaced",
            where=name,
            got=f"{counts.interlaced:,} interlaced pictures",
            remedy="Set deinterlace to field or frame, or scan to progressive if its pictures are not interlaced.",
        )


def notes_on_scan(counts: ScanCounts) -> tuple[str, ...]:
    """What a survey found of the scan of a video, and what becomes of it, for the plan."""
    film = (
        f"telecined film: {_count(counts.film, 'picture')} in {_count(counts.runs, 'run')} become"
        f" {_count(counts.film_frames, 'frame')}, evenly spaced at {counts.film_rate} frames/s;"
        f" {_count(counts.repeated_fields, 'repeated field')} left out"
    )
    cut = (
        f"film frames with a single field left by an edit: {counts.single_fields:,} made from it,"
        f" {counts.dropped:,} left out at the start or the end"
    )
    combed = f"{_count(counts.combed, 'other frame')} made from one field, because both fields together show combing"
    interlaced = f"{_count(counts.interlaced, 'interlaced picture')} deinterlaced by bwdif"
    progressive = f"{_count(counts.progressive, 'progressive picture')} kept"
    found = (
        (film, counts.film),
        (cut, counts.single_fields + counts.dropped),
        (combed, counts.combed),
        (interlaced, counts.interlaced),
        (progressive, counts.progressive if counts.film + counts.interlaced else 0),
    )
    notes = tuple(note for note, number in found if number)
    return notes or ("all pictures are progressive",)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def content_of(verdicts: Sequence[str]) -> FieldOrder | None:
    """What the pictures show; None unless at least half of them are determined, and nine in ten of those agree."""
    counts = Counter(verdict for verdict in verdicts if verdict != "undetermined")
    num_determined = counts.total()
    if num_determined < MIN_DETERMINED or 2 * num_determined < len(verdicts):
        return None
    kinds: tuple[FieldOrder, ...] = ("progressive", "tff", "bff")
    return next((kind for kind in kinds if 10 * counts[kind] >= 9 * num_determined), None)


def _reason_for_survey(evidence: ScanEvidence, scan: ScanSetting) -> str:
    """Why a survey must decide about each picture; empty if one decision fits all."""
    if scan == "telecine":
        return "as set"
    if scan != "auto":
        return ""
    content, flagged = content_of(evidence.verdicts), _flagged(evidence)
    if evidence.show_film:
        return "some show telecined film, whose fields are repeated"
    if flagged is None and content in {None, "progressive"}:
        kinds = " and ".join(f"{count} {NAMES[kind]}" for kind, count in _counts(evidence))
        return f"the scan type changes midway ({evidence.change}); of those decoded so far, {kinds}"
    num_combed = max(Counter(evidence.verdicts)[order] for order in ("tff", "bff"))
    if content is None and flagged == "progressive" and num_combed >= MIN_DETERMINED:
        return f"{num_combed} of {len(evidence.verdicts)} examined look interlaced, although flagged progressive"
    return ""


def _cannot_deinterlace(name: str, scan: ScanSetting) -> SourceUnsupported:
    is_set = scan in {"telecine", "interlaced"}
    return SourceUnsupported(
        f"bwdif, which scan: {scan} needs, does not support this size or pixel format"
        if is_set
        else "the video is interlaced, and bwdif does not support its size or pixel format",
        where=name,
        expected="at least 3 columns and 4 lines in each plane, and neither yuv440p10 nor yuv440p12",
        remedy="Set scan to auto or progressive."
        if is_set
        else "Set scan to progressive if its pictures are not interlaced.",
    )


def _found(evidence: ScanEvidence, scan: ScanSetting) -> tuple[FieldOrder, ScanFlag, str]:
    """The field order, the flag that all pictures must have, and a note; the note is empty if nothing is unusual."""
    content, flagged = content_of(evidence.verdicts), _flagged(evidence)
    if scan == "progressive":
        return "progressive", "any", _note_on_progressive(content, flagged)
    if scan == "interlaced":
        return _order_if_interlaced(content, evidence)
    if content is not None and content != flagged:
        contrast = "; their flags vary" if flagged is None else f", although flagged {NAMES[flagged]}"
        return content, "any", f"{NAMES[content]}, as the pictures show{contrast}"
    order = flagged or "progressive"
    checked: ScanFlag = order if evidence.flags.get(order) else "any"
    if order == "progressive":
        return order, checked, ""
    return order, checked, f"{NAMES[order]}{', as flagged' if content is None else ''}"


def _note_on_progressive(content: FieldOrder | None, flagged: FieldOrder | None) -> str:
    """A note if the setting contradicts what was found."""
    if content not in {None, "progressive"}:
        return "progressive, as set, although the pictures look interlaced"
    if content is None and flagged != "progressive":
        return "progressive, as set, although pictures are flagged interlaced"
    return ""


def _order_if_interlaced(content: FieldOrder | None, evidence: ScanEvidence) -> tuple[FieldOrder, ScanFlag, str]:
    candidates = (content, *(kind for kind, _ in _counts(evidence)), evidence.header)
    order = next((one for one in candidates if one in {"tff", "bff"}), None)
    if order is None:
        return "tff", "any", "interlaced, as set (top field first is assumed)"
    return order, "any", f"{NAMES[order]}, as set"


def _flagged(evidence: ScanEvidence) -> FieldOrder | None:
    """What the flags say; None if they vary."""
    kinds = [kind for kind, _ in _counts(evidence)]
    if kinds == ["progressive"] and evidence.header is not None:
        return evidence.header
    return kinds[0] if len(kinds) == 1 else None


def _counts(evidence: ScanEvidence) -> list[tuple[FieldOrder, int]]:
    """The scan flags and their numbers, the most frequent first."""
    kinds: tuple[FieldOrder, ...] = ("progressive", "tff", "bff")
    counts = [(kind, evidence.flags[kind]) for kind in kinds if evidence.flags.get(kind)]
    return sorted(counts, key=lambda item: -item[1])
