"""Subtitles that begin before the output and are shown at its start."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from slomo_batch.media.made_tracks import MadeTrack
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.subtitle_times import EventClock, retimed_payload
from slomo_batch.media.subtitles import SubtitleTiming, subtitle_track
from slomo_batch.plan.containers import CONTAINERS
from tests.media.picture_subtitles import spu

FROM_ONE_S = SubtitleTiming(output_time=lambda source_s: 2 * (source_s - 1), duration_s=Fraction(4))
"""Seconds 1 to 3 of the source, at half the speed."""


def pgs(state: int, num_objects: int, number: int = 0) -> bytes:
    """A display set of Blu-ray that begins a new epoch (0x80), can be decoded alone (0x40) or needs those before it."""
    return b"\x16\x00\x0b\x00\x20\x00\x20\x10\x00" + bytes([number, state, 0, 0, num_objects]) + b"\x80\x00\x00"


def dvb(time_out_s: int, *, is_empty: bool = False) -> bytes:
    """A display set of DVB with a region or none, that can be decoded alone."""
    body = bytes([time_out_s, 2 << 2]) + bytes(0 if is_empty else 6)
    return b"\x0f\x10\x00\x01" + len(body).to_bytes(2) + body + b"\x0f\x80\x00\x01\x00\x00"


def made(folder: Path, codec: str, packets: Sequence[tuple[int, bytes]]) -> list[tuple[int | None, bytes]] | str:
    """Times and payloads of the output's packets, for packets without durations at these milliseconds."""
    header = StreamHeader(kind="subtitle", codec=codec, time_base=Fraction(1, 1000))
    source = folder / "source.packets"
    with source.open("wb") as file, ArchiveWriter(file, [header], {}) as writer:
        for pts, data in packets:
            writer.add(
                ArchivedPacket(
                    stream=0, pts=pts, dts=pts, duration=None, is_keyframe=True, is_discarded=False, data=data
                )
            )
    track = subtitle_track(source, 0, header, number=1, container=CONTAINERS[".mkv"], timing=FROM_ONE_S, disposition=())
    if isinstance(track, MadeTrack):
        return [(packet.pts, packet.data) for packet in track.packets]
    assert track is not None
    return track


SHOWN, MORE, CLEARED = pgs(0x80, 1), pgs(0, 2, 1), pgs(0, 0, 2)


@pytest.mark.parametrize(
    ("packets", "kept"),
    [
        ([(500, SHOWN), (2000, CLEARED)], [(0, SHOWN), (2000, CLEARED)]),
        ([(100, pgs(0x80, 1, 9)), (500, SHOWN), (600, MORE)], [(0, SHOWN), (0, MORE)]),
        ([(500, SHOWN), (700, CLEARED), (1500, SHOWN)], [(1000, SHOWN)]),
        ([(500, SHOWN), (700, CLEARED), (1500, MORE)], [(0, SHOWN), (0, CLEARED), (1000, MORE)]),
        ([(500, SHOWN), (1000, pgs(0x40, 1))], [(0, pgs(0x40, 1))]),
        ([(500, SHOWN), (3000, CLEARED)], [(0, SHOWN)]),
    ],
)
def test_a_blu_ray_picture_that_is_shown_at_the_start_is_kept(
    packets: list[tuple[int, bytes]], kept: list[tuple[int, bytes]], tmp_path: Path
) -> None:
    """With those that it needs, or that a later one needs."""
    assert made(tmp_path, "hdmv_pgs_subtitle", packets) == kept


def test_a_dvb_picture_is_kept_with_the_rest_of_its_time(tmp_path: Path) -> None:
    assert made(tmp_path, "dvb_subtitle", [(200, dvb(2)), (2000, dvb(3))]) == [(0, dvb(3)), (2000, dvb(6))]
    gone = [(200, dvb(2)), (300, dvb(2, is_empty=True)), (2000, dvb(3))]
    assert made(tmp_path, "dvb_subtitle", gone) == [(2000, dvb(6))]


def test_a_dvd_picture_is_kept_with_the_rest_of_its_delay(tmp_path: Path) -> None:
    """It is hidden 100 x 1024 / 90,000 s after 0.2 s: 0.338 s after the range begins, in the output 0.676 s."""
    assert made(tmp_path, "dvd_subtitle", [(200, spu(100))]) == [(0, spu(59))]


@pytest.mark.parametrize(
    ("codec", "data"), [("dvd_subtitle", spu(60)), ("dvb_subtitle", dvb(0)), ("hdmv_pgs_subtitle", CLEARED)]
)
def test_a_picture_that_is_gone_when_the_output_begins_is_left_out(codec: str, data: bytes, tmp_path: Path) -> None:
    assert made(tmp_path, codec, [(200, data)]) == "subtitle track 1 is dropped: it shows nothing within the output"


@pytest.mark.parametrize(
    ("source", "cut"),
    [
        (r"{\k30}a{\k40}b{\k30}c", r"{\k0}a{\k40}b{\k60}c"),
        (r"{\fad(200,100)}x", r"{\fad(0,200)}x"),
        (r"{\move(1,2,3,4,100,300)}x", r"{\move(1,2,3,4,0,1)}x"),
        (r"{\t(400,900,\fs40)}x", r"{\t(0,800,\fs40)}x"),
        (r"{\move(1,2,3,4)}x", r"{\move(1,2,3,4)}x"),
    ],
)
def test_effects_of_a_text_that_is_cut_go_on_where_they_were(source: str, cut: str) -> None:
    """The text begins half a second before the output."""
    clock = EventClock(start_s=Fraction(1, 2), duration_s=Fraction(1), output_time=FROM_ONE_S.output_time)
    event = "0,0,Default,,0,0,0,,"
    assert retimed_payload("ass", f"{event}{source}".encode(), clock).decode() == f"{event}{cut}"
