"""Interlaced or not: the pictures decide if they are clear, else the flags; the setting overrides both."""

from dataclasses import replace
from fractions import Fraction

import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.plan.scan import ScanEvidence, check_interlaced, content_of, decide_scan, notes_on_scan
from slomo_batch.records.source_facts import Scan
from slomo_batch.settings import ScanSetting
from slomo_batch.timeline.scan_counts import ScanCounts

PROGRESSIVE, TFF, BFF = {"progressive": 40}, {"tff": 40}, {"bff": 40}
TFF_FIELDS = Scan(field_order="tff", frames_per_picture=2, flags="tff")


def shows(kind: str, num: int = 40, undetermined: int = 0) -> tuple[str, ...]:
    return (kind,) * num + ("undetermined",) * undetermined


@pytest.mark.parametrize(
    ("verdicts", "content"),
    [
        ((), None),
        (shows("tff", 5), None),
        (shows("tff", 6), "tff"),
        (shows("bff", 10, undetermined=10), "bff"),
        (shows("bff", 10, undetermined=11), None),
        ((*shows("tff", 9), "bff"), "tff"),
        ((*shows("tff", 17), *shows("progressive", 2)), None),
        (shows("progressive", 30), "progressive"),
    ],
)
def test_half_must_be_determined_and_nine_in_ten_agree(verdicts: tuple[str, ...], content: str | None) -> None:
    assert content_of(verdicts) == content


def test_an_ordinary_progressive_video_has_no_note() -> None:
    for verdicts in (shows("progressive"), shows("undetermined"), ()):
        evidence = ScanEvidence(flags=PROGRESSIVE, verdicts=verdicts)
        assert decide_scan(evidence, "auto", "field", "film") == (Scan(), ())


def test_flags_decide_where_pictures_are_unclear() -> None:
    scan, (note,) = decide_scan(ScanEvidence(flags=TFF, verdicts=shows("undetermined")), "auto", "field", "film")
    assert scan == TFF_FIELDS
    assert note.startswith("interlaced (top field first), as flagged; it is deinterlaced by bwdif, each field")
    assert note.endswith("; if its pictures are whole, set `scan: progressive`")


def test_the_header_decides_if_the_pictures_state_nothing() -> None:
    scan, _ = decide_scan(ScanEvidence(flags=PROGRESSIVE, header="bff"), "auto", "field", "film")
    assert scan == Scan(field_order="bff", frames_per_picture=2, flags="any")


@pytest.mark.parametrize(("flags", "shown"), [(PROGRESSIVE, "tff"), (TFF, "bff"), (TFF, "progressive")])
def test_clear_pictures_overrule_the_flags_with_a_note(flags: dict[str, int], shown: str) -> None:
    scan, (note,) = decide_scan(ScanEvidence(flags=flags, verdicts=shows(shown)), "auto", "field", "film")
    assert (scan.field_order, scan.flags) == (shown, "any")
    assert "as the pictures show, although flagged" in note
    assert "set `scan" not in note


def survey_reason(evidence: ScanEvidence, scan: ScanSetting = "auto") -> str:
    """Why the video is surveyed; empty if it is not."""
    found, notes = decide_scan(evidence, scan, "field", "film")
    assert not found.varies or found == Scan(flags="any", varies=True)
    return notes[0].removeprefix("each picture is examined in a survey: ") if found.varies else ""


def test_flags_that_vary_need_a_survey_unless_the_pictures_are_clearly_interlaced() -> None:
    mixed = {"progressive": 60, "tff": 25}
    assert not survey_reason(ScanEvidence(flags=mixed, verdicts=shows("tff")))
    for verdicts in (shows("progressive"), ()):
        reason = survey_reason(ScanEvidence(flags=mixed, verdicts=verdicts, change="at 2 s"))
        assert reason.startswith(
            "the scan type changes midway (at 2 s); of those decoded so far, 60 progressive and 25"
        )


def test_film_with_repeated_fields_needs_a_survey() -> None:
    for flags in (PROGRESSIVE, TFF):
        assert "telecined film" in survey_reason(ScanEvidence(flags=flags, show_film=True))
        assert not survey_reason(ScanEvidence(flags=flags, show_film=True), "progressive")
        assert not survey_reason(ScanEvidence(flags=flags, show_film=True), "interlaced")


def test_pictures_that_contradict_their_flags_here_and_there_need_a_survey() -> None:
    mixed = (*shows("progressive", 20), *shows("tff", 12))
    assert "12 of 32 examined look interlaced" in survey_reason(ScanEvidence(flags=PROGRESSIVE, verdicts=mixed))
    assert not survey_reason(ScanEvidence(flags=TFF, verdicts=mixed))
    assert not survey_reason(ScanEvidence(flags=PROGRESSIVE, verdicts=(*shows("progressive", 20), *shows("tff", 5))))


def test_a_survey_can_be_asked_for() -> None:
    for flags in (PROGRESSIVE, TFF, BFF):
        assert survey_reason(ScanEvidence(flags=flags), "telecine") == "as set"
    with pytest.raises(SourceUnsupported, match="bwdif, which scan: telecine needs, does not support this size") as no:
        decide_scan(ScanEvidence(flags=PROGRESSIVE, can_deinterlace=False), "telecine", "field", "film")
    assert no.value.remedy == "Set scan to auto or progressive."


def test_the_plan_says_what_becomes_of_each_kind_of_picture() -> None:
    none = ScanCounts(
        progressive=0,
        interlaced=0,
        film=0,
        film_frames=0,
        runs=0,
        repeated_fields=0,
        single_fields=0,
        combed=0,
        dropped=0,
        film_rate=Fraction(0),
    )
    assert notes_on_scan(replace(none, progressive=30)) == ("all pictures are progressive",)
    film = replace(none, film=50, film_frames=40, runs=1, repeated_fields=20, film_rate=Fraction(24000, 1001))
    (note,) = notes_on_scan(film)
    assert note.startswith(
        "telecined film: 50 pictures in 1 run become 40 frames, evenly spaced at 24000/1001 frames/s"
    )
    assert note.endswith("; 20 repeated fields left out")
    mixed = replace(film, interlaced=25, progressive=1, single_fields=2, dropped=1, combed=1)
    assert notes_on_scan(mixed)[1:] == (
        "film frames with a single field left by an edit: 2 made from it, 1 left out at the start or the end",
        "1 other frame made from one field, because both fields together show combing",
        "25 interlaced pictures deinterlaced by bwdif",
        "1 progressive picture kept",
    )
    with pytest.raises(SourceUnsupported, match="film: a part of the video is interlaced, got 25 interlaced pictures"):
        check_interlaced(mixed, "refuse", "film")
    check_interlaced(mixed, "field", "film")
    check_interlaced(mixed, "frame", "film")
    check_interlaced(film, "refuse", "film")


def test_the_setting_overrides_flags_and_pictures() -> None:
    tff = ScanEvidence(flags=TFF, verdicts=shows("tff"))
    scan, (note,) = decide_scan(tff, "progressive", "field", "film")
    assert scan == Scan(flags="any")
    assert note == "progressive, as set, although the pictures look interlaced"
    progressive = ScanEvidence(flags=PROGRESSIVE, verdicts=shows("progressive"))
    assert decide_scan(progressive, "progressive", "field", "film") == (Scan(flags="any"), ())
    scan, (note,) = decide_scan(progressive, "interlaced", "field", "film")
    assert (scan.field_order, scan.flags) == ("tff", "any")
    assert "top field first is assumed" in note
    mixed = ScanEvidence(flags={"progressive": 60, "bff": 25})
    assert decide_scan(mixed, "interlaced", "field", "film")[0].field_order == "bff"


def test_what_deinterlace_says() -> None:
    evidence = ScanEvidence(flags=TFF)
    assert decide_scan(evidence, "auto", "frame", "film")[0].frames_per_picture == 1
    with pytest.raises(SourceUnsupported, match=r"film: the video is interlaced, got interlaced \(top field first\)"):
        decide_scan(evidence, "auto", "refuse", "film")
    decide_scan(ScanEvidence(flags=PROGRESSIVE), "auto", "refuse", "film")


def test_what_cannot_be_deinterlaced_is_refused() -> None:
    with pytest.raises(SourceUnsupported, match="does not support its size or pixel format"):
        decide_scan(ScanEvidence(flags=BFF, can_deinterlace=False), "auto", "field", "film")
    fields = ScanEvidence(flags={"tff": 20, "bff": 20}, may_be_fields=True)
    with pytest.raises(SourceUnsupported, match="single fields"):
        decide_scan(fields, "auto", "field", "film")


def test_the_pictures_of_source_frames() -> None:
    assert Scan().pictures_of(range(3, 8), 40) == range(3, 8)
    assert TFF_FIELDS.pictures_of(range(3, 8), 40) == range(5)
    assert TFF_FIELDS.pictures_of(range(4, 9), 40) == range(1, 6)
    assert TFF_FIELDS.pictures_of(range(34, 40), 40) == range(16, 20)
    assert Scan(field_order="bff").pictures_of(range(3, 8), 8) == range(2, 8)
