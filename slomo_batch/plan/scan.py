"""Decide whether a video is interlaced, and which of its fields is shown first.

The pictures decide if they are clear; otherwise the flags of the container and the codec do. The setting `scan`
overrides both.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slomo_batch.errors import SourceUnsupported
from slomo_batch.records import FieldOrder, Scan, ScanFlag
from slomo_batch.settings import Deinterlace, ScanSetting

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
    can_deinterlace: bool = True
    """Whether the size and the pixel format allow it."""


def decide_scan(
    evidence: ScanEvidence, scan: ScanSetting, deinterlace: Deinterlace, name: str
) -> tuple[Scan, tuple[str, ...]]:
    """How the pictures of the source `name` are scanned, with notes for the plan; a pure function.

    Raises:
        SourceUnsupported: pictures differ in their scan flags, and the samples do not show that all are interlaced; or
            the video is interlaced and `deinterlace` is refuse, or its pictures are too small.
    """
    if scan == "auto" and evidence.may_be_fields and evidence.flags.get("tff") and evidence.flags.get("bff"):
        raise SourceUnsupported(
            "not yet supported: video whose pictures are single fields",
            where=name,
            remedy="Weave them first, for example with FFmpeg's weave filter.",
        )
    order, flags, note = _found(evidence, scan, name)
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
        raise SourceUnsupported(
            "not yet supported: interlaced video of this size or pixel format",
            where=name,
            remedy="Set scan to progressive if its pictures are not interlaced.",
        )
    num_frames, what = (2, "each field becomes a source frame") if deinterlace == "field" else (1, "at the same rate")
    made = Scan(field_order=order, frames_per_picture=num_frames, flags=flags)
    return made, (f"{note}; it is deinterlaced by bwdif, {what}",)


def content_of(verdicts: Sequence[str]) -> FieldOrder | None:
    """What the pictures show; None unless at least half of them are determined, and nine in ten of those agree."""
    counts = Counter(verdict for verdict in verdicts if verdict != "undetermined")
    num_determined = counts.total()
    if num_determined < MIN_DETERMINED or 2 * num_determined < len(verdicts):
        return None
    kinds: tuple[FieldOrder, ...] = ("progressive", "tff", "bff")
    return next((kind for kind in kinds if 10 * counts[kind] >= 9 * num_determined), None)


def _found(evidence: ScanEvidence, scan: ScanSetting, name: str) -> tuple[FieldOrder, ScanFlag, str]:
    """The field order, the flag that all pictures must have, and a note; the note is empty if nothing is unusual."""
    content, flagged = content_of(evidence.verdicts), _flagged(evidence)
    if scan == "progressive":
        return "progressive", "any", _note_on_progressive(content, flagged)
    if scan == "interlaced":
        return _order_if_interlaced(content, evidence)
    if flagged is None:
        if content is None or content == "progressive":
            raise _change_midway(evidence, name)
        return content, "any", f"{NAMES[content]}, as the pictures show; their flags vary"
    if content is None or content == flagged:
        checked: ScanFlag = flagged if evidence.flags.get(flagged) else "any"
        if flagged == "progressive":
            return flagged, checked, ""
        return flagged, checked, f"{NAMES[flagged]}{', as flagged' if content is None else ''}"
    return content, "any", f"{NAMES[content]}, as the pictures show, although flagged {NAMES[flagged]}"


def _change_midway(evidence: ScanEvidence, name: str) -> SourceUnsupported:
    return SourceUnsupported(
        "the scan type changes midway",
        where=f"{name}, {evidence.change}" if evidence.change else name,
        got=" and ".join(f"{count} {NAMES[kind]} pictures" for kind, count in _counts(evidence)),
        remedy="Set scan to interlaced to deinterlace all pictures, or cut the file there.",
    )


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
