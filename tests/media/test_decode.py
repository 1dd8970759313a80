"""Decoding a chunk returns exactly the frames listed in its note, or names the missing one."""

import io
from collections.abc import Sequence
from fractions import Fraction

import pytest

from slomo_batch.errors import FrameMissing, SegmentInvalid, SourceUnsupported
from slomo_batch.media.decode import decode_chunk
from slomo_batch.media.packet_archive import JSON, ArchiveReader, ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader

SIZE = (16, 8)
RAW = StreamHeader(
    kind="video", codec="rawvideo", time_base=Fraction(1, 25), width=SIZE[0], height=SIZE[1], pix_fmt="gray"
)


def packet(pts: int | None, value: int, *, is_discarded: bool = False, size: int = SIZE[0] * SIZE[1]) -> ArchivedPacket:
    """One gray picture."""
    return ArchivedPacket(
        stream=0,
        pts=pts,
        dts=pts,
        duration=1,
        is_keyframe=True,
        is_discarded=is_discarded,
        data=bytes([value]) * size,
    )


def chunk(packets: Sequence[ArchivedPacket], pts: Sequence[int], **note: JSON) -> ArchiveReader:
    file = io.BytesIO()
    known: dict[str, JSON] = {"width": SIZE[0], "height": SIZE[1], "pixel_format": "gray", "held": [], "first_frame": 0}
    with ArchiveWriter(file, [RAW], {**known, "pts": list(pts), **note}) as writer:
        for one in packets:
            writer.add(one)
    return ArchiveReader(file)


def values(archive: ArchiveReader) -> list[int]:
    return [int(picture.luma[0, 0]) for picture in decode_chunk(archive)]


def test_only_the_listed_frames_are_returned() -> None:
    packets = [packet(number * 10, number) for number in range(6)]
    assert values(chunk(packets, [10, 30, 40])) == [1, 3, 4]


def test_the_later_of_two_frames_with_equal_timestamps_is_used() -> None:
    assert values(chunk([packet(0, 1), packet(10, 2), packet(10, 3), packet(20, 4)], [0, 10, 20])) == [1, 3, 4]
    assert values(chunk([packet(0, 1), packet(10, 2), packet(10, 3)], [0, 10])) == [1, 3]


def test_a_discarded_frame_is_not_returned_as_a_shown_one() -> None:
    assert values(chunk([packet(0, 1), packet(10, 9, is_discarded=True), packet(10, 2)], [0, 10])) == [1, 2]
    with pytest.raises(FrameMissing, match="pts 10"):
        values(chunk([packet(0, 1), packet(10, 9, is_discarded=True)], [0, 10]))


@pytest.mark.parametrize(
    ("packets", "missing"),
    [
        ([packet(0, 1), packet(20, 2)], 10),
        ([packet(0, 1), packet(10, 2)], 20),
        ([packet(0, 1), packet(20, 2), packet(10, 3)], 10),
        ([packet(0, 1), packet(None, 2), packet(20, 3)], 10),
        ([packet(0, 1), packet(10, 2, size=5), packet(20, 3)], 10),
        ([], 0),
    ],
)
def test_a_missing_or_misplaced_frame_is_named(packets: list[ArchivedPacket], missing: int) -> None:
    with pytest.raises(FrameMissing, match=f"pts {missing}:"):
        values(chunk(packets, [0, 10, 20]))


def test_frames_are_returned_while_the_archive_is_being_read() -> None:
    packets = [packet(number, number) for number in range(50)]
    pictures = decode_chunk(chunk([*packets[:30], *packets[31:]], range(50)))
    assert [int(next(pictures).luma[0, 0]) for _ in range(29)] == list(range(29))


@pytest.mark.parametrize(
    "note", [{"width": 32}, {"height": 16}, {"pixel_format": "gray10le"}, {"pixel_format": "yuv420p"}]
)
def test_a_frame_of_another_size_or_format_fails_the_video(note: dict[str, JSON]) -> None:
    with pytest.raises(SourceUnsupported, match="size or pixel format changes midway"):
        values(chunk([packet(0, 1)], [0], **note))


def test_a_damaged_archive_fails_the_chunk() -> None:
    file = io.BytesIO()
    note: dict[str, JSON] = {"width": 16, "height": 8, "pixel_format": "gray", "held": [], "pts": [0], "first_frame": 0}
    with ArchiveWriter(file, [RAW], note) as writer:
        writer.add(packet(0, 7))
    damaged = file.getvalue().replace(b"\x07" * 60, b"\x08" * 60)
    with pytest.raises(SegmentInvalid):
        values(ArchiveReader(io.BytesIO(damaged)))
