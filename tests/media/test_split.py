"""With any borders and in both lanes, the frames of the chunks are those of the source, which is read once."""

import io
import itertools
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slomo_batch.errors import FrameMissing, SourceChanged, SourceUnreadable
from slomo_batch.media.chunk_cutter import ChunkArchive, ChunkCutter, Span
from slomo_batch.media.coverage import covering_packets
from slomo_batch.media.packet_archive import ArchiveReader, packet_record
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, from_av, stream_header
from slomo_batch.media.split import AudioArchive
from slomo_batch.records.source_facts import Lane
from slomo_batch.timeline.index import VideoIndex
from tests.clips.catalogue import clip, names
from tests.clips.edits import spoiled
from tests.clips.film import Film, made, repeated
from tests.clips.noise import noisy
from tests.media.sources import Opened, reader_of, straight

LANES: tuple[Lane, ...] = ("copy", "decode")


def borders(num_frames: int, seed: int, longest: int = 12) -> list[int]:
    """Random borders from the first frame to the end."""
    steps = np.random.default_rng(seed).integers(1, longest + 1, num_frames)
    inner = [border for border in itertools.accumulate(steps.tolist()) if border < num_frames]
    return [0, *inner, num_frames]


def assert_exact(opened: Opened, cuts: list[int], overlap: int, lane: Lane, folder: Path) -> None:
    hashes = straight(opened.data, opened.probe.facts)
    slices = opened.slices(cuts, overlap)
    chunks = opened.chunk_hashes(opened.split(slices, folder, lane=lane))
    assert sorted(chunks) == [part.index for part in slices]
    for part in slices:
        assert chunks[part.index] == hashes[part.first_frame : part.first_frame + len(part.pts)]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in names("copy") if name != "corrupt_late"])
def test_copied_chunks_hold_the_source_s_frames(name: str, tmp_path: Path) -> None:
    opened = Opened.of(name, clip(name).data)
    for overlap in (0, 3):
        assert_exact(opened, borders(opened.probe.facts.num_frames, overlap), overlap, "copy", tmp_path)


@pytest.mark.parametrize("name", [name for name in names("copy", "decode") if not name.startswith("corrupt")])
def test_decoded_chunks_hold_the_source_s_frames(name: str, tmp_path: Path) -> None:
    opened = Opened.of(name, clip(name).data)
    assert_exact(opened, borders(opened.probe.facts.num_frames, 5, 90), 2, "decode", tmp_path)


EVERY_BORDER = ("cfr", "hevc_open_gop", "edit_list", "mpegts", "vp9")


@pytest.mark.parametrize("name", EVERY_BORDER)
def test_a_chunk_may_begin_and_end_anywhere(name: str, tmp_path: Path) -> None:
    opened = Opened.of(name, clip(name).data)
    num_frames = opened.probe.facts.num_frames
    hashes = straight(opened.data, opened.probe.facts)
    starts = range(0, num_frames, 3)
    pts, ticks = opened.probe.index.frame_pts.tolist(), opened.probe.timeline.ticks.tolist()
    template = opened.slices([0, 1])[0]
    kind = type(template)
    slices = [
        kind(index=number, first_frame=a, pts=tuple(pts[a:b]), ticks=tuple(ticks[a:b]))
        for number, (a, b) in enumerate((a, b) for a in starts for b in (a + 1, a + 2, a + 9) if b <= num_frames)
    ]
    chunks = opened.chunk_hashes(opened.split(slices, tmp_path))
    for part in slices:
        assert chunks[part.index] == hashes[part.first_frame : part.first_frame + len(part.pts)]


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_slices_of_a_random_film(data: st.DataObject, tmp_path: Path) -> None:
    film = Film(
        codec="mpeg4",
        suffix=data.draw(st.sampled_from([".mp4", ".mkv", ".avi"])),
        num_frames=data.draw(st.integers(1, 30)),
        size=(32, 32),
        options={"g": str(data.draw(st.integers(1, 15))), "bf": str(data.draw(st.integers(0, 2)))},
    )
    opened = Opened.of("film", made(film))
    cuts = sorted({0, film.num_frames, *data.draw(st.lists(st.integers(0, film.num_frames), max_size=5))})
    assert_exact(opened, cuts, data.draw(st.integers(0, 4)), data.draw(st.sampled_from(LANES)), tmp_path)


# ---- coverage and cutting, without any video -----------------------------------------------------------------------


@given(data=st.data())
def test_covering_packets_follow_the_coverage_rule(data: st.DataObject) -> None:
    pts = data.draw(st.lists(st.integers(-20, 20), min_size=1, max_size=30))
    keyframes = data.draw(st.lists(st.booleans(), min_size=len(pts), max_size=len(pts)))
    index = VideoIndex(
        time_base=Fraction(1, 25),
        pts=np.array(pts),
        size_bytes=np.ones(len(pts), np.int64),
        is_keyframe=np.array(keyframes),
        is_discarded=np.zeros(len(pts), np.bool_),
        last_duration=1,
    )
    first, last = sorted((data.draw(st.sampled_from(pts)), data.draw(st.sampled_from(pts))))
    (start,), (end,) = covering_packets(index, [first], [last])
    keys = [n for n, (time, key) in enumerate(zip(pts, keyframes, strict=True)) if key and time <= first]
    assert start == (keys[-1] if keys else 0)
    final = max(n for n, time in enumerate(pts) if time <= last)
    assert end == min(max(final, start) + 2, len(pts))


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_span_is_complete_as_soon_as_its_packets_have_passed(data: st.DataObject, tmp_path: Path) -> None:
    ends = st.integers(1, 30)
    spans = [
        Span(index=number, start=data.draw(st.integers(0, end - 1)), end=end)
        for number, end in enumerate(data.draw(st.lists(ends, min_size=1, max_size=8)))
    ]
    header = StreamHeader(kind="video", codec="rawvideo", time_base=Fraction(1))
    cutter = ChunkCutter(tmp_path, header, spans, lambda number: {"number": number}, spool_file_bytes=200)
    given_at: dict[int, int] = {}
    for number in range(30):
        for part in cutter.add(number, packet_record(numbered(number))):
            given_at[part.index] = number
            with part.path.open("rb") as file:
                archive = ArchiveReader(file)
                assert [packet.pts for packet in archive] == list(range(spans[part.index].start, spans[part.index].end))
                assert archive.note == {"number": part.index}
            part.path.unlink()
    assert given_at == {span.index: span.end - 1 for span in spans}
    assert cutter.is_done
    assert list(tmp_path.iterdir()) == []


# ---- audio ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("name", ["cfr", "fragmented", "mpegts", "two_tracks", "avi_bframes", "late_start"])
def test_the_audio_archive_holds_every_audio_packet(name: str, lane: Lane, tmp_path: Path) -> None:
    opened = Opened.of(name, clip(name).data)
    num_frames = opened.probe.facts.num_frames
    parts = list(opened.split(opened.slices([0, 10, num_frames]), tmp_path, lane=lane, audio=True))
    assert [type(part) for part in parts] == [ChunkArchive, ChunkArchive, AudioArchive]
    tracks = opened.probe.facts.audio
    with av.open(io.BytesIO(opened.data), "r") as container:
        streams = [container.streams[track.stream_index] for track in tracks]
        headers = [replace(stream_header(stream), bit_rate=0) for stream in streams]
        demuxed = [packet for packet in container.demux(streams) if packet.size]
        packets = [from_av(packet, streams.index(packet.stream)) for packet in demuxed]
    with parts[-1].path.open("rb") as file:
        archive = ArchiveReader(file)
        assert [replace(header, bit_rate=0) for header in archive.headers] == headers
        assert list(archive) == packets


def test_audio_alone_can_be_split_off(tmp_path: Path) -> None:
    opened = Opened.of("cfr", clip("cfr").data)
    for lane in LANES:
        (part,) = opened.split([], tmp_path, lane=lane, audio=True)
        assert isinstance(part, AudioArchive)


def test_a_source_without_audio_has_no_audio_archive(tmp_path: Path) -> None:
    opened = Opened.of("no_audio", clip("no_audio").data)
    parts = opened.split(opened.slices([0, 40]), tmp_path, audio=True)
    assert [type(part) for part in parts] == [ChunkArchive]


# ---- reading no more than needed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "share"), [(".mp4", 0.5), (".mkv", 0.5), (".ts", 1.1)])
def test_a_resumed_split_reads_only_what_is_left(suffix: str, share: float, tmp_path: Path) -> None:
    data = noisy(suffix)
    opened = Opened.of("noisy", data)
    reader = reader_of(data)
    wanted = opened.slices([0, 40, 48, 60])[1:2]
    chunks = opened.chunk_hashes(opened.split(wanted, tmp_path, reader=reader))
    hashes = straight(data, opened.probe.facts)
    assert chunks == {1: hashes[wanted[0].first_frame : wanted[0].first_frame + len(wanted[0].pts)]}
    assert reader.bytes_fetched <= share * len(data)


def test_reading_stops_after_the_last_wanted_chunk(tmp_path: Path) -> None:
    data = noisy(".ts")
    opened = Opened.of("noisy", data)
    reader = reader_of(data)
    for part in opened.split(opened.slices([0, 10, 60], overlap=0)[:1], tmp_path, reader=reader):
        assert isinstance(part, ChunkArchive)
    assert reader.bytes_fetched < 0.4 * len(data)


def test_a_chunk_is_complete_while_the_source_is_still_being_read(tmp_path: Path) -> None:
    data = noisy(".mkv")
    opened = Opened.of("noisy", data)
    reader = reader_of(data)
    parts = opened.split(opened.slices([0, 10, 60]), tmp_path, audio=True, reader=reader)
    assert next(parts).path.exists()
    assert reader.bytes_fetched < 0.4 * len(data)
    list(parts)


# ---- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mkv_23976", "mpegts", "no_audio"])
def test_a_source_that_has_changed_is_refused(name: str, tmp_path: Path) -> None:
    opened = Opened.of(name, clip(name).data)
    others = [clip("ten_bit").data, clip("only_audio").data, clip("prores").data]
    for number, other in enumerate(others):
        folder = tmp_path / str(number)
        folder.mkdir()
        parts = opened.split(opened.slices([0, 40]), folder, reader=reader_of(other))
        with pytest.raises((SourceChanged, SourceUnreadable)):
            list(parts)


def test_a_frame_that_cannot_be_decoded_is_missing_in_the_copy_lane(tmp_path: Path) -> None:
    opened = Opened.of("corrupt_late", clip("corrupt_late").data)
    slices = opened.slices([0, 12, 40, 60], overlap=0)
    with pytest.raises(FrameMissing, match="pts"):
        opened.chunk_hashes(opened.split(slices, tmp_path))


def test_a_frame_that_cannot_be_decoded_is_held_and_counted(tmp_path: Path) -> None:
    opened = Opened.of("corrupt_late", clip("corrupt_late").data)
    (part,) = opened.split(opened.slices([0, 60]), tmp_path, lane="decode", max_held_frames=1)
    with part.path.open("rb") as file:
        (held,) = ArchiveReader(file).note["held"]
    hashes = straight(opened.data, opened.probe.facts)
    chunk = opened.chunk_hashes(iter([part]))[0]
    assert len(chunk) == 60
    assert chunk[held] == chunk[held - 1]
    assert chunk[:held] + chunk[held + 1 :] == hashes


def test_more_held_frames_than_allowed_fail_the_video(tmp_path: Path) -> None:
    opened = Opened.of("corrupt_late", clip("corrupt_late").data)
    with pytest.raises(SourceUnreadable, match=r"1 of 60 frames.*max_held_frames"):
        list(opened.split(opened.slices([0, 60]), tmp_path, lane="decode", max_held_frames=0))


@pytest.mark.parametrize(
    ("num_frames", "spoilt", "limit"), [(10, (3,), 0), (2, (1,), 0), (10, (3, 4), 1), (29, (3, 9, 12), 2)]
)
def test_at_most_a_tenth_of_the_frames_is_held(
    num_frames: int, spoilt: tuple[int, ...], limit: int, tmp_path: Path
) -> None:
    film = Film(codec="png", suffix=".mov", pix_fmt="rgb24", num_frames=num_frames, edit=spoiled(*spoilt))
    opened = Opened.of("spoilt", made(film))
    parts = opened.split(opened.slices([0, num_frames]), tmp_path, lane="decode", max_held_frames=12)
    if not limit:
        assert len(opened.chunk_hashes(parts)[0]) == num_frames
        return
    expected = (
        rf"{len(spoilt)} of {num_frames} frames .* at most {limit} \(a tenth of the frames\)\. Copy it .* `ffmpeg "
    )
    with pytest.raises(SourceUnreadable, match=expected):
        list(parts)


@pytest.mark.parametrize("lane", LANES)
def test_the_error_for_a_truncated_payload_says_how_much_is_missing(lane: Lane, tmp_path: Path) -> None:
    whole = clip("moov_first").data
    opened = Opened.of("cut", whole[: len(whole) * 2 // 3])
    assert opened.probe.facts.lane == "decode"
    assert "the file is truncated" in opened.probe.facts.lane_reason
    assert opened.probe.facts.num_frames == 40
    with pytest.raises((SourceUnreadable, SourceChanged)):
        list(opened.split(opened.slices([0, 40]), tmp_path, lane=lane, max_held_frames=3))


# ---- memory --------------------------------------------------------------------------------------------------------

PEAK = """
import resource, sys
from pathlib import Path
from tests.clips.film import Film, made
from tests.media.sources import Opened, reader_of
path, lane, folder = sys.argv[1:]
size = Path(path).stat().st_size
file = open(path, "rb")
def fetch(start, end):
    file.seek(start)
    return file.read(end - start)
from slomo_batch.media.probe import probe
from slomo_batch.media.reader import RangeReader
reader = RangeReader(fetch, size)
opened = Opened(path, b"", probe(reader, path))
num = opened.probe.facts.num_frames
parts = opened.split(opened.slices([*range(0, num, 60), num]), Path(folder), lane=lane, max_held_frames=0,
                     reader=RangeReader(fetch, size))
for part in parts:
    part.path.unlink()
file.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("lane", LANES)
def test_memory_does_not_grow_with_ten_times_the_packets(lane: Lane, tmp_path: Path) -> None:
    peaks = []
    for num_frames in (1200, 12000):
        path = tmp_path / f"{num_frames}.mkv"
        path.write_bytes(repeated(Film(codec="mpeg4", size=(16, 16), num_frames=30, suffix=".mkv"), num_frames // 30))
        folder = tmp_path / f"parts-{num_frames}"
        folder.mkdir()
        command = [sys.executable, "-c", PEAK, str(path), lane, str(folder)]
        measured = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        peaks.append(int(measured.stdout))
    assert peaks[1] <= 1.1 * peaks[0]


def numbered(number: int) -> ArchivedPacket:
    return ArchivedPacket(
        stream=0,
        pts=number,
        dts=number,
        duration=1,
        is_keyframe=True,
        is_discarded=False,
        data=bytes([number]) * 30,
    )
