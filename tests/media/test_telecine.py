"""Film comes back out of telecined and mixed pictures: the same frames, the same number, at the same times."""

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np
import pytest

from slomo_batch.media.field_frames import frames_of_each
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.media.probe import probe
from slomo_batch.media.source_pictures import SourcePicture
from slomo_batch.media.survey import measured
from slomo_batch.picture import Picture
from slomo_batch.records.source_facts import FieldOrder
from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.recipe import SurveyedPictures
from slomo_batch.timeline.scan_counts import ScanCounts
from slomo_batch.timeline.scanned import scanned_pictures
from slomo_batch.timeline.survey import Survey
from tests.clips.hard_telecine import film_frames, noisy, shifted, telecined, titled, woven_of
from tests.clips.interlaced import ILDCT, Fields, Order, encoded, moment, pictures
from tests.media.sources import reader_of

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
ORDERS: tuple[Order, ...] = ("tff", "bff")


def survey_of(shown: Sequence[Picture], flag: FieldOrder = "tff") -> Survey:
    steps = measured(as_sources(shown, flag))
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            survey: Survey = ended.value
            return survey


def as_sources(shown: Iterable[Picture], flag: FieldOrder = "tff") -> list[SourcePicture]:
    return [SourcePicture(number=n, picture=one, is_held=False, scan=flag) for n, one in enumerate(shown)]


def recovered(shown: Sequence[Picture], flag: FieldOrder = "tff") -> tuple[SurveyedPictures, list[str]]:
    """What a survey of these pictures leads to, and the hashes of the source pictures."""
    ticks = np.arange(len(shown), dtype=np.int64)
    decoded = SourceTimeline(tick_s=1 / NTSC, ticks=ticks, end=len(shown), rate=NTSC, nominal_rate=NTSC)
    found = scanned_pictures(decoded, survey_of(shown, flag), (), frames_per_picture=2)
    assert found.timeline.duration_s == decoded.duration_s
    made = [one.hash() for _, of_one in frames_of_each(found.recipe, as_sources(shown)) for one in of_one]
    assert len(made) == found.timeline.num_frames
    return found, made


def counts_of(found: SurveyedPictures) -> ScanCounts:
    assert found.scan is not None
    return found.scan


def hashes(frames: Iterable[Picture]) -> list[str]:
    return [frame.hash() for frame in frames]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("pattern", ["23", "32", "2332", "3223"])
def test_film_comes_back_bit_for_bit(pattern: str, order: Order) -> None:
    film = film_frames(40)
    found, made = recovered(telecined(film, pattern, order))
    assert made == hashes(film)
    assert (found.timeline.rate, found.timeline.end) == (FILM, 40)
    assert counts_of(found).repeated_fields == 20


@pytest.mark.parametrize("order", ORDERS)
def test_film_a_field_late_comes_back(order: Order) -> None:
    film = film_frames(30)
    _, made = recovered(shifted(film, order))
    assert made[:-1] == hashes(film[1:-1])  # half of the first and the last frame are missing


def test_progressive_pictures_stay_as_they_are() -> None:
    shown = film_frames(30)
    for flag in ("tff", "progressive"):
        found, made = recovered(shown, flag)
        assert (made, found.timeline.rate) == (hashes(shown), NTSC)


@pytest.mark.parametrize("order", ORDERS)
def test_fields_become_frames_with_their_own_lines(order: Order) -> None:
    film = Fields(order=order, num_pictures=20)
    shown = pictures(film)
    found, _ = recovered(shown, order)
    assert counts_of(found).interlaced == 20
    frames = [one for _, of_one in frames_of_each(found.recipe, as_sources(shown)) for one in of_one]
    for number, frame in enumerate(frames):
        own = slice((order == "bff") ^ number % 2, None, 2)
        assert np.array_equal(frame.planes[0][own], shown[number // 2].planes[0][own]), number


@pytest.mark.parametrize(("kept", "begun"), [(22, 14), (23, 7), (24, 11), (25, 2), (26, 4)])
def test_edits_after_the_telecine_lose_only_the_frames_that_they_cut(kept: int, begun: int) -> None:
    first, second = film_frames(40), film_frames(40, first=500)
    found, made = recovered(telecined(first)[:kept] + telecined(second)[begun:])
    assert counts_of(found).runs == 2
    whole = hashes(first) + hashes(second)
    places = [whole.index(one) for one in made if one in whole]
    assert places == sorted(set(places))
    assert len(made) - len(places) == counts_of(found).single_fields
    lost = set(range(places[0], places[-1])) - set(places)
    cut_away = {*range(kept * 4 // 5, 40), *range(40, 40 + -(-begun * 4 // 5))}
    assert lost <= cut_away | {40 + begun * 4 // 5}


def test_noise_and_stills_do_not_break_the_rhythm() -> None:
    film = film_frames(30)
    film += [film[-1]] * 30 + film_frames(30, first=29)
    for frames in (film, noisy(film, 6)):
        _, made = recovered(telecined(frames))
        assert made == hashes(frames)
    found, _ = recovered(noisy(telecined(film), 6))
    assert (counts_of(found).runs, found.timeline.rate) == (1, FILM)


def test_titles_of_a_camera_over_film_are_deinterlaced() -> None:
    shown = telecined(film_frames(60, speed=1.0))
    found, _ = recovered(shown[:25] + titled(shown[25:50]) + shown[50:])
    assert counts_of(found).interlaced >= 20
    assert counts_of(found).film >= 40


def test_a_still_follows_its_flags() -> None:
    shown = [moment(0, (96, 64), "yuv420p", 0)] * 20
    assert recovered(shown, "progressive")[0].timeline.num_frames == 20
    assert recovered(shown, "tff")[0].timeline.num_frames == recovered(shown, "bff")[0].timeline.num_frames == 40


def test_a_frame_that_stays_combed_is_made_of_one_field() -> None:
    film = film_frames(40, speed=8.0)
    shown = telecined(film)
    shown[20] = woven_of(film[16], film[17], "tff")  # where frame 16 was whole
    found, made = recovered(shown)
    assert (counts_of(found).combed, found.timeline.num_frames, found.timeline.rate) == (1, 40, FILM)
    assert shown[20].hash() not in made


# ---- compressed ----------------------------------------------------------------------------------------------------


SIZE = (192, 128)
CODECS = {
    "mpeg2 vob": Fields(
        suffix=".mpg", codec="mpeg2video", size=SIZE, rate=NTSC, options={**ILDCT, "g": "12", "bf": "2", "b": "700k"}
    ),
    "mpeg2 ts": Fields(
        suffix=".ts", codec="mpeg2video", size=SIZE, rate=NTSC, options={**ILDCT, "g": "12", "b": "500k"}
    ),
    "h264": Fields(suffix=".ts", size=SIZE, rate=NTSC, options={**ILDCT, "crf": "26", "preset": "veryfast"}),
    "h264 flagged progressive": Fields(
        size=SIZE, rate=NTSC, flagged="prog", options={"crf": "23", "preset": "veryfast"}
    ),
}


@pytest.mark.parametrize("kind", CODECS)
def test_compressed_film_is_found_and_comes_back(kind: str) -> None:
    film = [moment(number, SIZE, "yuv420p", 3.0) for number in range(40)]
    data = encoded(CODECS[kind], telecined(film))
    facts = probe(reader_of(data), kind).facts
    assert facts.scan.varies
    assert "some show telecined film" in facts.oddities[0]
    found, _ = recovered(decoded(data))
    assert (found.timeline.rate, counts_of(found).film_frames, counts_of(found).runs) == (FILM, 40, 1)


def decoded(data: bytes) -> list[Picture]:
    with av.open(io.BytesIO(data), "r") as container:
        return [picture_from_frame(frame) for frame in container.decode(video=0)]
