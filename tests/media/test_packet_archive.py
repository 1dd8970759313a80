"""A packet archive returns what was written, or says where it is damaged."""

import io
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.errors import SegmentInvalid, SourceUnsupported
from slomo_batch.media.decode import decoded
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.media.packet_archive import JSON, MAGIC, ArchiveReader, ArchiveWriter, dump
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, from_av, open_decoder, stream_header, to_av
from tests.clips.catalogue import clip, names
from tests.clips.film import AudioTone, Film, made

TICKS = st.none() | st.integers(-(2**62), 2**62)
PACKETS = st.lists(
    st.builds(
        ArchivedPacket,
        stream=st.integers(0, 1),
        pts=TICKS,
        dts=TICKS,
        duration=TICKS,
        is_keyframe=st.booleans(),
        is_discarded=st.booleans(),
        data=st.binary(max_size=200),
        side_data=st.lists(
            st.tuples(st.sampled_from(["new_extradata", "skip_samples", "palette"]), st.binary(max_size=40)), max_size=3
        ).map(tuple),
    ),
    max_size=8,
)
VIDEO = StreamHeader(
    kind="video",
    codec="h264",
    decoder="h264",
    time_base=Fraction(1, 90000),
    extradata=bytes(range(256)),
    codec_tag="avc1",
    width=1920,
    height=1080,
    pix_fmt="yuv420p10le",
    sample_aspect_ratio=Fraction(4, 3),
    color_matrix=9,
)
AUDIO = StreamHeader(
    kind="audio", codec="aac", time_base=Fraction(1, 44100), sample_rate=44100, layout="5.1", title="Ton, 音"
)
NOTE: dict[str, JSON] = {"first_frame": 3, "pts": [2**61, -5], "held": []}


def archive_of(packets: list[ArchivedPacket], late_note: dict[str, JSON] | None = None) -> io.BytesIO:
    file = io.BytesIO()
    writer = ArchiveWriter(file, [VIDEO, AUDIO], NOTE)
    for packet in packets:
        writer.add(packet)
    writer.close(late_note)
    assert writer.size_bytes == len(file.getvalue())
    return file


def some_packets() -> list[ArchivedPacket]:
    rng = np.random.default_rng(0)
    return [
        ArchivedPacket(
            stream=number % 2,
            pts=number,
            dts=None,
            duration=1,
            is_keyframe=True,
            is_discarded=False,
            data=rng.bytes(50 + number),
            side_data=(("palette", rng.bytes(20)),),
        )
        for number in range(10)
    ]


@given(packets=PACKETS)
def test_packets_are_read_as_written(packets: list[ArchivedPacket]) -> None:
    archive = ArchiveReader(archive_of(packets))
    assert archive.headers == (VIDEO, AUDIO)
    assert archive.note == NOTE
    assert archive.num_packets == len(packets)
    assert list(archive) == packets
    assert list(archive) == packets


def test_late_note_entries_are_merged_into_the_note() -> None:
    archive = ArchiveReader(archive_of([], {"first_frame": 4, "extra": 1}))
    assert archive.note == {**NOTE, "first_frame": 4, "extra": 1}


def test_two_iterations_may_run_at_the_same_time() -> None:
    archive, packets = ArchiveReader(archive_of(some_packets())), some_packets()
    pairs = zip(archive, archive, strict=True)
    assert list(pairs) == list(zip(packets, packets, strict=True))


def test_every_flipped_bit_is_found() -> None:
    whole = archive_of(some_packets()).getvalue()
    rng = np.random.default_rng(1)
    places = {*range(60), *rng.integers(0, len(whole), 300).tolist(), *range(len(whole) - 60, len(whole))}
    for place in sorted(places):
        altered = bytearray(whole)
        altered[place] ^= 1 << int(rng.integers(0, 8))
        with pytest.raises(SegmentInvalid, match="byte"):
            list(ArchiveReader(io.BytesIO(bytes(altered))))


def test_every_truncation_is_found_on_opening() -> None:
    whole = archive_of(some_packets()).getvalue()
    for size in range(0, len(whole), 7):
        with pytest.raises(SegmentInvalid):
            ArchiveReader(io.BytesIO(whole[:size]))


def test_a_missing_packet_is_found() -> None:
    whole = archive_of(some_packets()).getvalue()
    shorter = archive_of(some_packets()[:-1]).getvalue()
    tail = len(whole) - whole.rindex(b"E{")
    with pytest.raises(SegmentInvalid):
        list(ArchiveReader(io.BytesIO(shorter[: shorter.rindex(b"E{")] + whole[-tail:])))


def test_an_archive_left_by_an_exception_is_refused() -> None:
    file = io.BytesIO()
    with suppress(RuntimeError), ArchiveWriter(file, [VIDEO], {}) as writer:
        writer.add(some_packets()[0])
        raise RuntimeError
    with pytest.raises(SegmentInvalid, match="truncated"):
        ArchiveReader(file)


def test_another_archive_version_is_refused() -> None:
    whole = bytearray(archive_of([]).getvalue())
    whole[len(MAGIC)] += 1
    with pytest.raises(SegmentInvalid, match="unsupported packet archive version"):
        ArchiveReader(io.BytesIO(bytes(whole)))


def test_the_error_names_the_file_and_the_position() -> None:
    with pytest.raises(SegmentInvalid, match=r"chunk 7, byte 0: not a packet archive"):
        ArchiveReader(io.BytesIO(b"something else entirely"), "chunk 7")


def test_a_packet_of_an_unknown_stream_raises_value_error() -> None:
    packet = ArchivedPacket(stream=2, pts=0, dts=0, duration=1, is_keyframe=True, is_discarded=False, data=b"x")
    with pytest.raises(ValueError, match="2 streams"):
        ArchiveWriter(io.BytesIO(), [VIDEO, AUDIO], {}).add(packet)


def test_dump_describes_an_archive() -> None:
    lines = list(dump(archive_of(some_packets())))
    assert lines[0] == "packet archive, version 1, 10 packets"
    assert "first_frame" in lines[1]
    assert "codec=h264" in lines[2]
    assert "layout=5.1" in lines[3]
    assert lines[4] == "packet 0 stream=0 pts=0 dts=None duration=1 K- bytes=50 palette[20]"
    assert len(lines) == 14


def archived(data: bytes, kind: type[VideoStream] | type[AudioStream], number: int = 0) -> ArchiveReader:
    """One stream of a file, written to an archive and read back."""
    file = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as container:
        stream = [stream for stream in container.streams if isinstance(stream, kind)][number]
        with ArchiveWriter(file, [stream_header(stream)], {}) as writer:
            for packet in container.demux(stream):
                if packet.size:
                    writer.add(from_av(packet, 0))
    return ArchiveReader(file)


def video_hashes(data: bytes) -> list[tuple[int | None, str]]:
    """Hashes of the frames from the demuxer's own decoder. What it rejects is skipped; at the end it is flushed."""
    hashes = []
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux(container.streams.video[0]):
            try:
                hashes += [(frame.pts, picture_from_frame(frame).hash()) for frame in packet.decode()]
            except av.error.InvalidDataError:
                continue
    return hashes


@pytest.mark.parametrize("name", names("copy", "decode"))
def test_video_from_an_archive_decodes_like_the_file(name: str) -> None:
    archive = archived(clip(name).data, VideoStream)
    hashes = [(frame.pts, picture_from_frame(frame).hash()) for frame in decoded(archive, archive.headers[0])]
    is_shown = [digest for digest in hashes if digest[0] is not None or name in {"elementary", "missing_pts"}]
    assert is_shown == video_hashes(clip(name).data)


@pytest.mark.parametrize(("name", "number"), [("cfr", 0), ("mpegts", 0), ("two_tracks", 1), ("avi_bframes", 0)])
def test_audio_from_an_archive_decodes_like_the_file(name: str, number: int) -> None:
    data = clip(name).data
    assert audio_of(archived(data, AudioStream, number)) == straight_audio(data, number)


def audio_of(archive: ArchiveReader) -> list[tuple[int | None, bytes]]:
    decoder: Any = open_decoder(archive.headers[0])
    frames = [frame for packet in archive for frame in decoder.decode(to_av(packet, archive.headers[0]))]
    return [(frame.pts, frame.to_ndarray().tobytes()) for frame in frames + decoder.decode(None)]


def straight_audio(data: bytes, number: int) -> list[tuple[int | None, bytes]]:
    with av.open(io.BytesIO(data), "r") as container:
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(audio=number)]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("pcm_s16le", ".mov"),
        ("adpcm_ima_wav", ".avi"),
        ("flac", ".mkv"),
        ("libopus", ".mkv"),
        ("ac3", ".mkv"),
        ("alac", ".mov"),
    ],
)
def test_other_audio_codecs_decode_too(codec: str, suffix: str) -> None:
    data = made(Film(codec="mpeg4", num_frames=5, suffix=suffix, audio=(AudioTone(codec=codec, sample_rate=48000),)))
    assert audio_of(archived(data, AudioStream)) == straight_audio(data, 0)


def test_attached_files_have_no_header() -> None:
    with av.open(io.BytesIO(clip("tracks").data), "r") as container:
        [font] = container.streams.attachments
        with pytest.raises(SourceUnsupported, match=f"no decoder for stream {font.index} \\(attachment\\)"):
            stream_header(font)


def test_language_and_title_are_kept() -> None:
    assert archived(clip("two_tracks").data, AudioStream, 1).headers[0].language == "deu"
