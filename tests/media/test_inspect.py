"""Every difference of a finished file from the plan is found."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.inspect import verify_output
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec
from tests.media.films import KINDS, Film, Stitched

Packet = Any


def verify(made: Stitched, path: Path | None = None, **changes: Any) -> None:
    verify_output(path or made.path, replace(made.spec, **changes), borders=made.borders, num_audio_tracks=0)


@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_a_stitched_file_matches_its_plan(tmp_path: Path, codec: Codec, suffix: str) -> None:
    verify(Film(codec=codec, sample_aspect_ratio=Fraction(8, 9)).stitched(tmp_path, suffix))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"num_frames": 12}, "number of frames"),
        ({"rate": Fraction(60)}, "time is not its number"),
        ({"rate": Fraction(60001, 1001)}, "time is not its number"),
        ({"width": 98}, "picture size"),
        ({"sample_aspect_ratio": Fraction(2)}, "sample aspect ratio"),
        ({"rotation_deg": 90}, "rotation"),
        ({"color": ColorFacts(range="full", matrix="bt709", primaries="bt709", transfer="bt709")}, "color"),
        ({"color": ColorFacts(range="limited", matrix="smpte170m", primaries="bt709", transfer="bt709")}, "color"),
    ],
)
def test_a_difference_from_the_plan_is_named(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    made = Film().stitched(tmp_path, ".mp4", (4, 1, 6))
    with pytest.raises(OutputInvalid, match=what):
        verify(made, **changes)


def test_a_border_without_a_keyframe_is_found(tmp_path: Path) -> None:
    made = Film().stitched(tmp_path, ".mp4", (4, 6))
    with pytest.raises(OutputInvalid, match="begin with a keyframe"):
        verify_output(made.path, made.spec, borders=[4, 7], num_audio_tracks=0)


def test_missing_audio_is_found(tmp_path: Path) -> None:
    made = Film().stitched(tmp_path, ".mp4", (4,))
    with pytest.raises(OutputInvalid, match="audio tracks"):
        verify_output(made.path, made.spec, borders=[], num_audio_tracks=1)


def remuxed(made: Stitched, change: Callable[[list[Packet]], list[Packet]], suffix: str = ".mp4") -> Path:
    """The file with its packets changed, muxed by FFmpeg with its default options."""
    out = made.path.with_name(f"changed{suffix}")
    with av.open(str(made.path)) as given, av.open(str(out), "w", options={"movflags": "+faststart"}) as container:
        template = given.streams.video[0]
        stream = container.add_stream_from_template(template, opaque=True)
        for packet in change([packet for packet in given.demux(template) if packet.size]):
            packet.stream = stream
            container.mux_one(packet)
    return out


def without(number: int) -> Callable[[list[Packet]], list[Packet]]:
    return lambda packets: packets[:number] + packets[number + 1 :]


def shifted(number: int, ticks: int) -> Callable[[list[Packet]], list[Packet]]:
    def change(packets: list[Packet]) -> list[Packet]:
        packets[number].pts += ticks
        return packets

    return change


def test_the_same_packets_written_again_pass(tmp_path: Path) -> None:
    made = Film().stitched(tmp_path, ".mp4", (4, 6))
    verify(made, remuxed(made, lambda packets: packets))


@pytest.mark.parametrize("number", [1, 5, 9])
def test_a_lost_packet_is_found(tmp_path: Path, number: int) -> None:
    made = Film().stitched(tmp_path, ".mp4", (4, 6))
    with pytest.raises(OutputInvalid, match="number of frames"):
        verify(made, remuxed(made, without(number)))


@pytest.mark.parametrize("ticks", [1, 7, 1001])
def test_a_time_off_by_a_tick_is_found(tmp_path: Path, ticks: int) -> None:
    made = Film(codec="av1").stitched(tmp_path, ".mp4", (4, 6))
    with pytest.raises(OutputInvalid, match="frame whose time"):
        verify(made, remuxed(made, shifted(9, ticks)))


def test_an_index_after_the_media_data_is_found(tmp_path: Path) -> None:
    made = Film().stitched(tmp_path, ".mp4", (4, 6))
    out = made.path.with_name("behind.mp4")
    with av.open(str(made.path)) as given, av.open(str(out), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                packet.stream = stream
                container.mux_one(packet)
    with pytest.raises(OutputInvalid, match="order of index and media"):
        verify(made, out)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("keep", [0.0, 0.4, 0.95])
def test_a_truncated_file_is_found(tmp_path: Path, suffix: str, keep: float) -> None:
    made = Film().stitched(tmp_path, suffix, (4, 6))
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(OutputInvalid):
        verify(made)


def test_damage_at_a_border_is_found(tmp_path: Path) -> None:
    made = Film(codec="ffv1").stitched(tmp_path, ".mkv", (4, 6))
    with av.open(str(made.path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    position, size = places[4]
    whole = bytearray(made.path.read_bytes())
    whole[(position or 0) + size // 2 : (position or 0) + size] = bytes(size - size // 2)
    made.path.write_bytes(whole)
    with pytest.raises(OutputInvalid, match=r"FFmpeg cannot read|around frame 4"):
        verify(made)


def test_rates_that_differ_by_less_than_a_float_resolves_are_distinguished(tmp_path: Path) -> None:
    made = Film(rate=Fraction(24000, 1001)).stitched(tmp_path, ".mp4", (3,))
    verify(made)
    with pytest.raises(OutputInvalid, match="time is not its number"):
        verify(made, rate=Fraction(24000 * 10**16 + 1, 1001 * 10**16))
