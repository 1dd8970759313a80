"""Segments contain the pictures given to the encoder, for every codec and length."""

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from slomo_batch.errors import SegmentInvalid, SourceUnsupported
from slomo_batch.media.encode import SegmentEncoder, encoder_works, verify_segment
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.encoders import ENCODERS, codec_of
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec
from tests.color.pictures import typed
from tests.media.films import BT709, CODECS, NTSC60, Film, picture


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("length", [1, 2, 3, 5, 17])
def test_a_segment_of_any_length_verifies(tmp_path: Path, codec: Codec, length: int) -> None:
    made = Film(codec=codec).segment(tmp_path, range(length))
    assert made.facts.num_frames == length
    verify_segment(made.path, facts=made.facts, source_hashes=made.hashes if codec == "ffv1" else None)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [(16, 16), (48, 16), (33, 16), (16, 48), (17, 19), (48, 160), (16, 640), (640, 18)])
def test_small_pictures_are_encoded(tmp_path: Path, codec: Codec, size: tuple[int, int]) -> None:
    made = Film(codec=codec, size=size).segment(tmp_path, range(8))
    verify_segment(made.path, facts=made.facts, source_hashes=made.hashes if codec == "ffv1" else None)


class UnsetDecodeTimes:
    """A stream whose encoder leaves decode times uninitialized, as x265 does for one or two pictures."""

    def __init__(self, stream: VideoStream) -> None:
        self.codec_context, self._stream = stream.codec_context, stream

    def encode(self, frame: av.VideoFrame | None) -> "list[av.Packet[VideoStream]]":
        packets = self._stream.encode(frame)
        for packet in packets:
            packet.dts = (packet.pts or 0) + 22_921_457_717
        return packets


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("length", [1, 2, 17])
def test_decode_times_left_unset_by_the_encoder_are_replaced(tmp_path: Path, codec: Codec, length: int) -> None:
    film = Film(codec=codec)
    with film.encoder(tmp_path / f"short{codec_of(film.choice.encoder).segment.suffix}") as encoder:
        encoder._stream = UnsetDecodeTimes(encoder._stream)  # type: ignore[assignment]
        for number in range(length):
            encoder.add(picture(number, film.choice.pixel_format))
        facts = encoder.finish()
    verify_segment(encoder._path, facts=facts, source_hashes=None)


@pytest.mark.parametrize("codec", CODECS)
def test_pts_are_frame_numbers_from_zero(tmp_path: Path, codec: Codec) -> None:
    made = Film(codec=codec).segment(tmp_path, range(40, 52))
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        instants = [(frame.pts or 0) * frame.time_base for frame in container.decode(stream)]  # type: ignore[operator]
    assert instants == [number / NTSC60 for number in range(12)]


@pytest.mark.parametrize("codec", CODECS)
def test_segments_of_any_length_have_one_global_header(tmp_path: Path, codec: Codec) -> None:
    film = Film(codec=codec)
    headers = {film.segment(tmp_path, range(length)).facts.extradata_sha256 for length in (1, 2, 9, 30)}
    assert len(headers) == 1


def test_the_header_hash_is_that_of_the_file(tmp_path: Path) -> None:
    made = Film(codec="hevc").segment(tmp_path, range(3))
    with av.open(str(made.path)) as container:
        found = container.streams.video[0].codec_context.extradata or b""
    assert made.facts.extradata_sha256 == hashlib.sha256(found).hexdigest()
    assert b"pools" not in found


@pytest.mark.parametrize("codec", CODECS)
def test_decoding_from_any_keyframe_gives_the_same_pictures(tmp_path: Path, codec: Codec) -> None:
    made = Film(codec=codec, rate=Fraction(5)).segment(tmp_path, range(25))
    whole = decoded_from(made.path, 0)
    for start in (0, 10, 20):
        assert decoded_from(made.path, start) == whole[start:]


def decoded_from(path: Path, start: int) -> list[str]:
    """Hashes of the pictures that a decoder returns if it gets packets only from this keyframe on."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert packets[start].is_keyframe
        frames = [frame for packet in packets[start:] for frame in packet.decode()]
        frames += container.streams.video[0].codec_context.decode(None)
    return [picture_from_frame(frame).hash() for frame in frames]


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
@pytest.mark.parametrize("seconds", ["auto", Fraction(1, 5)])
def test_keyframes_are_at_most_so_far_apart(tmp_path: Path, codec: Codec, seconds: Fraction | str) -> None:
    film = Film(codec=codec, rate=Fraction(25), encode={"preset": "ultrafast", "keyframe_s": seconds})
    made = film.segment(tmp_path, range(60))
    with av.open(str(made.path)) as container:
        numbers = [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    most = 50 if seconds == "auto" else 5
    assert max(second - first for first, second in pairwise([*numbers, 60])) == most
    verify_segment(made.path, facts=made.facts, source_hashes=None)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
def test_the_bit_rate_is_limited(tmp_path: Path, codec: Codec) -> None:
    """The limit is a third of what noise of 160x96 takes. A segment starts with a full buffer of one second."""
    num_s = 4
    noise = np.random.default_rng(0).integers(60, 190, (num_s * 25, 3, 96, 160), dtype=np.uint8)

    def encoded(limit: int) -> bytes:
        film = Film(
            codec=codec, rate=Fraction(25), size=(160, 96), encode={"preset": "ultrafast", "max_bit_rate": limit}
        )
        with film.encoder(tmp_path / "noise.nut") as encoder:
            for y, u, v in noise:
                planes = (y, u[::2, ::2].copy(), v[::2, ::2].copy())
                encoder.add(Picture(format=PIXEL_FORMATS["yuv420p"], planes=planes))
            encoder.finish()
        return (tmp_path / "noise.nut").read_bytes()

    limit = len(encoded(0)) * 8 // num_s // 3
    limited = encoded(limit)
    assert len(limited) * 8 < 1.1 * limit * (num_s + 1)
    assert codec == "h264" or encoded(limit) == limited, "x264 with a limit gives other bytes in some runs"


@pytest.mark.parametrize(("codec", "tune"), [("h264", "film"), ("h264", "grain"), ("hevc", "animation")])
def test_the_encoder_is_tuned(tmp_path: Path, codec: Codec, tune: str) -> None:
    sizes = []
    for name in (tune, "none"):
        made = Film(codec=codec, encode={"preset": "veryfast", "tune": name}).segment(tmp_path, range(12))
        verify_segment(made.path, facts=made.facts, source_hashes=None)
        sizes.append(made.path.read_bytes())
    assert sizes[0] != sizes[1]


@pytest.mark.parametrize("preset", ["ultrafast", "veryslow"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv440p", "yuv444p"])
def test_vp9_encodes_every_chroma_format(tmp_path: Path, pixel_format: str, preset: str) -> None:
    film = Film(codec="vp9", size=(51, 39), encode={"preset": preset, "pixel_format": pixel_format})
    made = film.segment(tmp_path, range(30))
    verify_segment(made.path, facts=made.facts, source_hashes=None)
    with av.open(str(made.path)) as container:
        assert {frame.format.name for frame in container.decode(video=0)} == {pixel_format}


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_every_group_of_pictures_is_closed(tmp_path: Path, codec: Codec) -> None:
    film = Film(codec=codec, rate=Fraction(5))
    made = film.segment(tmp_path, range(35))
    with av.open(str(made.path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    starts = [place for place, packet in enumerate(packets) if packet.is_keyframe]
    assert len(starts) >= 4, "a keyframe every two seconds at least"
    for start in starts:
        before = [packet.pts or 0 for packet in packets[:start]]
        assert all((packet.pts or 0) >= (packets[start].pts or 0) for packet in packets[start:])
        assert all(pts < (packets[start].pts or 0) for pts in before)


@pytest.mark.parametrize("pixel_format", sorted(PIXEL_FORMATS))
def test_ffv1_keeps_every_sample_of_every_format(tmp_path: Path, pixel_format: str) -> None:
    form = PIXEL_FORMATS[pixel_format]
    source, encode = form.opaque.name, {"pixel_format": pixel_format} if form.model == "yuv" else {}
    film = Film(codec="ffv1", source_format=source, has_alpha=form.has_alpha, size=(50, 38), encode=encode)
    made = film.segment(tmp_path, range(2))
    assert film.choice.pixel_format == pixel_format
    verify_segment(made.path, facts=made.facts, source_hashes=made.hashes, has_alpha=form.has_alpha)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv410p", "yuv411p", "yuv440p"])
@pytest.mark.parametrize("size", [(51, 39), (83, 67), (167, 205), (310, 119), (321, 53), (9, 11)])
def test_ffv1_keeps_every_sample_of_odd_sizes(tmp_path: Path, pixel_format: str, size: tuple[int, int]) -> None:
    made = Film(codec="ffv1", source_format=pixel_format, size=size).segment(tmp_path, range(1))
    verify_segment(made.path, facts=made.facts, source_hashes=made.hashes)


@pytest.mark.parametrize("codec", CODECS)
def test_odd_sizes_are_encoded(tmp_path: Path, codec: Codec) -> None:
    made = Film(codec=codec, size=(51, 39)).segment(tmp_path, range(3))
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (51, 39)


@pytest.mark.parametrize("codec", CODECS)
def test_lossy_pictures_resemble_the_input(tmp_path: Path, codec: Codec) -> None:
    film = Film(codec=codec)
    made = film.segment(tmp_path, range(6))
    with av.open(str(made.path)) as container:
        shown = [picture_from_frame(frame) for frame in container.decode(video=0)]
    for number, found in enumerate(shown):
        given = picture(number, film.choice.pixel_format)
        error = abs(found.luma.astype(float) - given.luma).mean() / given.format.max_value
        assert error < 0.01


def test_x264_encodes_pictures_whole_and_several_at_once(tmp_path: Path) -> None:
    """With a thread per slice, which PyAV asks for, files are larger."""
    stated = Film(codec="h264").segment(tmp_path, range(2)).path.read_bytes()
    assert b" threads=4 " in stated
    assert b" sliced_threads=0 " in stated


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "prores"])
def test_color_is_stored_in_the_stream_itself(tmp_path: Path, codec: Codec) -> None:
    color = ColorFacts(range="limited", matrix="bt2020nc", primaries="bt2020", transfer="smpte2084")
    made = Film(codec=codec, color=color).segment(tmp_path, range(2))
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (9, 9, 16, 1)


@pytest.mark.parametrize("other", [("yuv420p", (94, 64)), ("yuv420p", (96, 62)), ("yuv422p", (96, 64))])
def test_a_picture_of_another_format_or_size_is_refused_and_never_scaled(
    tmp_path: Path, other: tuple[str, tuple[int, int]]
) -> None:
    pixel_format, size = other
    with Film().encoder(tmp_path / "s.nut") as encoder:
        encoder.add(picture(0))
        with pytest.raises(SegmentInvalid, match="does not have the segment's format and size"):
            encoder.add(picture(1, pixel_format, size))
        encoder.finish()


def test_a_segment_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegmentInvalid, match="one packet per picture"), Film().encoder(tmp_path / "s.nut") as encoder:
        encoder.finish()


def test_pictures_that_the_encoder_refuses_fail_the_video_not_the_attempt(tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupported, match="encoder libx265 cannot be opened"):
        SegmentEncoder(
            tmp_path / "s.nut",
            encoder="libx265",
            options=(("x265-params", "log-level=none"),),
            pixel_format="yuv420p",
            width=8,
            height=8,
            rate=NTSC60,
            color=BT709,
            sample_aspect_ratio=Fraction(1),
        )


def test_a_disk_that_cannot_be_written_fails_the_attempt(tmp_path: Path) -> None:
    with pytest.raises(SegmentInvalid):
        Film().encoder(tmp_path / "missing" / "s.nut")


# ---- verifying -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_wrong_facts_are_found(tmp_path: Path, codec: Codec) -> None:
    made = Film(codec=codec).segment(tmp_path, range(5))
    with pytest.raises(SegmentInvalid, match="frame times"):
        verify_segment(made.path, facts=replace(made.facts, num_frames=6), source_hashes=None)
    with pytest.raises(SegmentInvalid, match="global header"):
        verify_segment(made.path, facts=replace(made.facts, extradata_sha256="0"), source_hashes=None)


def test_one_wrong_sample_is_found(tmp_path: Path) -> None:
    made = Film(codec="ffv1").segment(tmp_path, range(5))
    wrong = picture(3)
    wrong.planes[0][5, 5] ^= 1
    hashes = (*made.hashes[:3], wrong.hash(), made.hashes[4])
    with pytest.raises(SegmentInvalid, match="decoded pictures"):
        verify_segment(made.path, facts=made.facts, source_hashes=hashes)


@pytest.mark.parametrize("codec", CODECS)
def test_a_truncated_segment_is_found(tmp_path: Path, codec: Codec) -> None:
    made = Film(codec=codec).segment(tmp_path, range(12))
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(SegmentInvalid):
        verify_segment(made.path, facts=made.facts, source_hashes=made.hashes if codec == "ffv1" else None)


def test_flipped_bytes_of_a_lossless_segment_are_found(tmp_path: Path) -> None:
    made = Film(codec="ffv1").segment(tmp_path, range(5))
    whole = bytearray(made.path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    made.path.write_bytes(whole)
    with pytest.raises(SegmentInvalid):
        verify_segment(made.path, facts=made.facts, source_hashes=made.hashes)


def test_no_thread_gets_real_time_priority(tmp_path: Path) -> None:
    """If run as root, SVT-AV1 gives its caller and its own threads real-time priority."""
    film, policy = Film(codec="av1"), os.sched_getscheduler(0)
    with film.encoder(tmp_path / "film.nut") as encoder:
        assert len(_policies_of_threads()) > 1
        assert set(_policies_of_threads()) == {policy}
        encoder.add(picture(0, film.choice.pixel_format))
        encoder.finish()
        assert set(_policies_of_threads()) == {policy}


def _policies_of_threads() -> list[int]:
    """The scheduling policy of each thread. Threads of earlier tests may end meanwhile."""
    policies = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            policies.append(os.sched_getscheduler(int(thread.name)))
    return policies


# ---- what works here -----------------------------------------------------------------------------------------------


def test_encoder_works_is_true_if_a_frame_can_be_encoded() -> None:
    for name, encoder in ENCODERS.items():
        assert encoder.is_nvenc or encoder_works(name), name
    assert not encoder_works("no_such_encoder")
    assert not encoder_works("aac")


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA device")
def test_nvenc_does_not_work_without_a_device() -> None:
    assert av.Codec("h264_nvenc", "w")
    assert not encoder_works("h264_nvenc")


def test_segments_are_nut_except_prores() -> None:
    assert [codec_of(name).segment.suffix for name in ("libx264", "prores_ks", "h264_nvenc")] == [
        ".nut",
        ".mov",
        ".nut",
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_samples_beyond_black_and_white_are_kept(tmp_path: Path, codec: Codec) -> None:
    """Super-white and sub-black, which limited range has room for."""
    film = Film(codec=codec, size=(128, 64))
    form = PIXEL_FORMATS[film.choice.pixel_format]
    levels = np.array([1, 4, 8, 16, 235, 240, 250, 254]) << (form.bit_depth - 8)
    luma = typed(np.repeat(levels, 16)[None].repeat(64, axis=0), form)
    chroma = typed(np.full(form.plane_shape(1, 128, 64), 1 << (form.bit_depth - 1)), form)
    path = tmp_path / f"bands{codec_of(film.choice.encoder).segment.suffix}"
    with film.encoder(path) as encoder:
        for _ in range(3):
            encoder.add(Picture(format=form, planes=(luma, chroma, chroma)))
        encoder.finish()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            bands = picture_from_frame(frame).luma.reshape(64, 8, 16)[8:-8, :, 4:-4].mean(axis=(0, 2))
            assert np.abs(bands - levels).max() <= 1 << (form.bit_depth - 8), bands
