"""Closed captions of the pictures become a subtitle track, whatever the chunks and the lane."""

import io
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.media.captions import caption_notes, caption_track
from slomo_batch.media.chunk_cutter import ChunkArchive
from slomo_batch.media.decode import decode_chunk
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.subtitles import SubtitleTiming
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.records import FrameCaptions, Lane
from tests.media.sources import Opened

FPS, NUM_FRAMES = 25, 40
SENT = {
    **dict.fromkeys((2, 3), "fc9420"),  # load the hidden screen
    **dict.fromkeys((4, 5), "fc9470"),  # in the last row
    6: "fcc849",  # HI
    **dict.fromkeys((10, 11), "fc942f"),  # show it
    **dict.fromkeys((30, 31), "fc942c"),  # clear the screen
}
"""By source frame: a triplet of CEA-608."""


def film(triplets: Mapping[int, str]) -> bytes:
    """A transport stream of H.264 with B-frames, whose pictures have these triplets, or else padding."""
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate=FPS, options={"bf": "2", "g": "12", "preset": "ultrafast"})
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for number in (*range(NUM_FRAMES), None):
            frame = None
            if number is not None:
                frame = av.VideoFrame.from_ndarray(np.full((48, 32), 5 * number, np.uint8), "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
            for packet in video.encode(frame):
                shown = round((packet.pts or 0) * packet.time_base * FPS)
                made = av.Packet(_sei(bytes.fromhex(triplets.get(shown, "fc8080"))) + bytes(packet))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.is_keyframe, made.stream = packet.is_keyframe, video
                container.mux(made)
    return out.getvalue()


def _sei(triplet: bytes) -> bytes:
    """A message of H.264 with caption data, as ATSC A/53 Part 4 defines it."""
    payload = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | len(triplet) // 3]) + b"\xff" + triplet + b"\xff"
    return b"\x00\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"


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
    assert len(caption_notes(found, begins_midway=True)) == 3
