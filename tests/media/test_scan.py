"""Interlaced sources of many kinds are found, with the order of their fields; what the content does not show follows
the flags."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.combing import CombingCheck
from slomo_batch.media.probe import Probe, probe
from slomo_batch.picture import Picture
from slomo_batch.records.source_facts import Lane, Scan
from tests.clips.catalogue import clip, names
from tests.clips.field_packets import paff
from tests.clips.film import joined
from tests.clips.interlaced import FILMS, H264, Fields, encoded, filmed, moment, pictures
from tests.media.sources import Opened, pictures_of, reader_of, straight
from tests.media.test_picture_properties import FIELDS, PLAIN

SMALL = Fields(options=H264, num_pictures=24)


def probed(film: Fields, shown: Sequence[Picture] | None = None) -> Probe:
    data = filmed(film) if shown is None else encoded(film, shown)
    return probe(reader_of(data), "film")


def progressive(film: Fields) -> list[Picture]:
    return [moment(2 * number, film.size, film.pix_fmt, film.speed) for number in range(film.num_pictures)]


@pytest.mark.parametrize("kind", FILMS)
def test_every_kind_is_found_and_copied(kind: str) -> None:
    film = FILMS[kind]
    found = probed(film)
    assert found.facts.scan == Scan(field_order=film.order, frames_per_picture=2, flags=film.order)
    assert found.facts.num_frames == found.timeline.num_frames == 2 * film.num_pictures
    assert (found.facts.lane, found.timeline.rate, found.timeline.nominal_rate) == ("copy", Fraction(50), Fraction(50))


@pytest.mark.parametrize("name", names("copy", "decode"))
def test_progressive_clips_have_no_scan_in_their_plan(name: str) -> None:
    facts = probe(reader_of(clip(name).data), name).facts
    assert facts.scan == Scan()
    assert not any("interlaced" in oddity for oddity in facts.oddities)


def test_interlaced_pictures_without_flags_are_found_by_their_content() -> None:
    for film in (
        replace(SMALL, flagged="prog", options={name: value for name, value in H264.items() if name != "flags"}),
        Fields(suffix=".avi", codec="huffyuv", pix_fmt="yuv422p", order="bff", flagged="prog"),
    ):
        facts = probed(film).facts
        assert facts.scan == Scan(field_order=film.order, frames_per_picture=2, flags="any")
        assert "as the pictures show, although flagged progressive" in facts.oddities[0]


def test_wrongly_flagged_pictures_are_found_by_their_content() -> None:
    facts = probed(replace(SMALL, flagged="bff")).facts
    assert facts.scan == Scan(field_order="tff", frames_per_picture=2, flags="any")
    facts = probed(SMALL, progressive(SMALL)).facts
    assert facts.scan == Scan(flags="any")
    assert facts.oddities == ("progressive, as the pictures show, although flagged interlaced (top field first)",)


def test_still_pictures_follow_their_flags() -> None:
    facts = probed(replace(SMALL, speed=0)).facts
    assert facts.scan == Scan(field_order="tff", frames_per_picture=2, flags="tff")
    assert "as flagged" in facts.oddities[0]


def test_sharp_text_that_does_not_move_is_not_taken_for_fields() -> None:
    rng = np.random.default_rng(1)
    text = np.where(rng.random((64, 96)) < 0.3, np.uint8(235), np.uint8(16))
    check, verdicts = CombingCheck(), []
    for shown in progressive(SMALL):
        shown.planes[0][2:40:2] = text[2:40:2]  # on even lines only, where idet is misled most
        verdicts += check.add(shown)
    assert "tff" not in verdicts
    assert "bff" not in verdicts


def test_settings_override_what_is_found() -> None:
    data = filmed(SMALL)
    assert probe(reader_of(data), "film", scan="progressive").facts.num_frames == SMALL.num_pictures
    same_rate = probe(reader_of(data), "film", deinterlace="frame")
    assert (same_rate.facts.num_frames, same_rate.timeline.rate) == (SMALL.num_pictures, Fraction(25))
    assert same_rate.facts.scan == Scan(field_order="tff", flags="tff")
    with pytest.raises(SourceUnsupported, match="film: the video is interlaced"):
        probe(reader_of(data), "film", deinterlace="refuse")


def test_a_later_change_of_scan_is_seen_when_probing() -> None:
    facts = probe(reader_of(joined(replace(PLAIN, num_frames=60), replace(FIELDS, num_frames=24))), "film").facts
    assert facts.scan == Scan(flags="any", varies=True)
    assert "each picture is examined in a survey: the scan type changes midway (source frame at" in facts.oddities[0]


@pytest.mark.parametrize("kind", FILMS)
def test_a_setting_has_each_picture_examined(kind: str) -> None:
    facts = probe(reader_of(filmed(replace(FILMS[kind], num_pictures=8))), kind, scan="telecine").facts
    assert facts.scan == Scan(flags="any", varies=True)
    assert facts.num_frames == 8


# ---- fields in packets of their own ----------------------------------------------------------------------------------


PAFF = Fields(size=(96, 64), num_pictures=16)


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".mkv", ".h264"])
def test_fields_in_packets_of_their_own_are_one_picture(suffix: str, tmp_path: Path) -> None:
    opened = Opened.of("paff", paff(pictures(PAFF), suffix))
    facts, timeline = opened.probe.facts, opened.probe.timeline
    assert (facts.num_frames, timeline.num_frames, facts.scan.field_order) == (32, 32, "tff")
    assert (facts.lane, timeline.rate) == (("decode", Fraction(50)) if suffix == ".h264" else ("copy", Fraction(50)))
    assert int(timeline.end) == 32
    hashes = [picture.hash() for picture in pictures(PAFF)]
    assert decoded_hashes(opened, facts.lane, tmp_path) == hashes


def decoded_hashes(opened: Opened, lane: Lane, folder: Path) -> list[str]:
    """Hashes of all pictures of the source as the chunks have them, before they are deinterlaced."""
    pts, found = opened.probe.index.frame_pts.tolist(), []
    slices = [replace(part, first_picture=part.first_frame) for part in opened.slices_of(pts, [0, 5, 11, len(pts)])]
    for part in opened.split(slices, folder, lane=lane):
        found += [picture.hash() for picture in pictures_of(part.path, "any")]
    return found


@pytest.mark.parametrize("lane", ["copy", "decode"])
@pytest.mark.parametrize("kind", ["h264 tff mp4", "mpeg2 bff ts", "ffv1 odd mkv"])
def test_both_lanes_give_the_pictures_of_the_decoder(kind: str, lane: Lane, tmp_path: Path) -> None:
    opened = Opened.of(kind, filmed(FILMS[kind]))
    assert decoded_hashes(opened, lane, tmp_path) == straight(opened.data, opened.probe.facts)
