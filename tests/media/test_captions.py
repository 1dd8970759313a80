"""Closed captions of the pictures become a subtitle track, whatever the chunks and the lane."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from slomo_batch.media.captions import caption_notes, caption_track
from slomo_batch.media.chunk_cutter import ChunkArchive
from slomo_batch.media.decode import decode_chunk
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.subtitles import SubtitleTiming
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.records.commits import FrameCaptions
from slomo_batch.records.source_facts import Lane
from tests.clips.captions import FPS, NUM_FRAMES, SENT, film
from tests.media.sources import Opened


def read(opened: Opened, borders: list[int], lane: Lane, folder: Path) -> list[FrameCaptions]:
    """The captions as the workers return them."""
    found: list[FrameCaptions] = []
    owned = list(pairwise(borders))
    for part in opened.split(opened.slices(borders), folder, lane=lane):
        assert isinstance(part, ChunkArchive)
        captions: list[FrameCaptions] = []
        with part.path.open("rb") as file:
            for _ in decode_chunk(ArchiveReader(file), captions):
                pass
        first, end = owned[part.index]
        found += [one for one in captions if first <= one.frame < end]
    return found


@pytest.mark.parametrize("lane", ["copy", "decode"])
@pytest.mark.parametrize("borders", [[0, NUM_FRAMES], [0, 3, 11, 25, NUM_FRAMES]])
def test_the_chunks_together_return_the_captions_of_every_frame_once(
    lane: Lane, borders: list[int], tmp_path: Path
) -> None:
    found = read(Opened.of("film", film(SENT)), borders, lane, tmp_path)
    assert found == [FrameCaptions(frame=frame, pairs=pair) for frame, pair in SENT.items()]


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_captions_are_shown_from_the_frame_that_shows_them_to_the_one_that_clears_them(suffix: str) -> None:
    captions = [FrameCaptions(frame=frame, pairs=pair) for frame, pair in SENT.items()]
    timing = SubtitleTiming(output_time=lambda source_s: source_s * 3, duration_s=Fraction(3 * NUM_FRAMES, FPS))
    times_s = [Fraction(one.frame, FPS) for one in captions]
    track = caption_track(captions, times_s, CONTAINERS[suffix], timing)
    assert track is not None
    (packet,) = track.packets
    assert (packet.pts, packet.duration) == (10 * 3 * 1000 // FPS, (30 - 10) * 3 * 1000 // FPS)
    assert b"HI" in packet.data
    assert track.disposition == ("captions",)


def test_captions_that_show_nothing_make_no_track() -> None:
    timing = SubtitleTiming(output_time=lambda source_s: source_s, duration_s=Fraction(9))
    cleared = [FrameCaptions(frame=3, pairs="fc942c")]
    assert caption_track(cleared, [Fraction(3, FPS)], CONTAINERS[".mp4"], timing) is None


def test_captions_of_the_newer_kind_are_named(tmp_path: Path) -> None:
    found = read(Opened.of("film", film({5: "ff0221", 6: "fe4142", 8: "fcc849"})), [0, NUM_FRAMES], "copy", tmp_path)
    assert found == [
        FrameCaptions(frame=5, pairs="", has_708=True),
        FrameCaptions(frame=6, pairs="", has_708=True),
        FrameCaptions(frame=8, pairs="fcc849"),
    ]
    assert caption_notes(found[:2]) == ("closed captions in CEA-708 are not kept",)
    assert len(caption_notes(found)) == 2
    assert len(caption_notes(found, lacks_earlier=True)) == 3


@pytest.mark.parametrize("lane", ["copy", "decode"])
@pytest.mark.parametrize("pictures", [range(25), range(3, 25), range(25, 25)])
def test_the_first_chunk_of_a_range_has_the_captions_before_it(lane: Lane, pictures: range, tmp_path: Path) -> None:
    opened = Opened.of("film", film(SENT))
    slices = opened.slices([25, NUM_FRAMES])
    (part,) = opened.split([replace(slices[0], captioned=pictures)], tmp_path, lane=lane)
    with part.path.open("rb") as file:
        note = ArchiveReader(file).note
    assert note.get("earlier_captions", []) == [
        [frame, pair, False] for frame, pair in SENT.items() if frame in pictures
    ]
