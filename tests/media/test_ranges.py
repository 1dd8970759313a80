"""The sample range of a source is what its codec, its container or its pixel format says; gray is full range."""

from dataclasses import replace

import av
import pytest

from slomo_batch.media.frame_side_data import frame_side_data, has_unknown_side_data
from slomo_batch.media.probe import probe
from slomo_batch.records.source_facts import VideoFacts
from tests.clips.film import Film, Packet, made
from tests.media.sources import reader_of

TINY = Film(num_frames=3, size=(32, 16))


def facts_of(data: bytes) -> VideoFacts:
    return probe(reader_of(data), "film").facts


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffixes"),
    [
        *(("ffv1", form, (".mkv", ".avi", ".nut")) for form in ("gray", "gray10le", "gray12le", "gray16le")),
        *(("jpeg2000", form, (".mov", ".mkv", ".avi")) for form in ("gray", "gray10le", "gray12le", "gray16le")),
        ("rawvideo", "gray", (".avi", ".mkv", ".nut")),
        *(("rawvideo", form, (".nut",)) for form in ("gray10le", "gray12le", "gray16le")),
        *(("ffvhuff", form, (".avi",)) for form in ("gray", "gray16le")),
        *(("png", form, (".mov", ".avi")) for form in ("gray", "gray16be", "rgb24", "rgb48be", "ya8")),
        *(("mjpeg", form, (".mov", ".mkv", ".avi")) for form in ("yuvj420p", "yuvj422p", "yuvj444p")),
        *(("ffv1", form, (".mkv", ".avi", ".nut")) for form in ("bgr0", "bgra", "gbrp10le", "gbrp16le")),
        *(("utvideo", form, (".avi",)) for form in ("gbrp", "gbrap")),
        *(("huffyuv", form, (".avi",)) for form in ("rgb24", "bgra")),
        *(("qtrle", form, (".mov",)) for form in ("rgb24", "argb", "gray")),
    ],
)
def test_gray_rgb_and_jpeg_are_full_range(codec: str, pix_fmt: str, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        facts = facts_of(made(replace(TINY, codec=codec, pix_fmt=pix_fmt, suffix=suffix)))
        assert facts.color.range == "full", f"{suffix}: {facts.pixel_format}"


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("libx264", "gray", ".mp4"),
        ("libx265", "gray10le", ".mkv"),
        ("ffv1", "yuv420p", ".mkv"),
        ("utvideo", "yuv422p", ".avi"),
        ("huffyuv", "yuv422p", ".avi"),
        ("jpeg2000", "yuv444p", ".mov"),
        ("rawvideo", "yuv420p", ".nut"),
    ],
)
def test_yuv_and_gray_of_h264_and_hevc_are_limited_range(codec: str, pix_fmt: str, suffix: str) -> None:
    size = (64, 48)
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    film = replace(TINY, codec=codec, pix_fmt=pix_fmt, suffix=suffix, size=size, options=options)
    assert facts_of(made(film)).color.range == "limited"


@pytest.mark.parametrize(("stated", "expected"), [(1, "limited"), (2, "full")])
@pytest.mark.parametrize(("codec", "pix_fmt"), [("ffv1", "gray"), ("ffv1", "yuv420p"), ("ffv1", "yuv444p10le")])
def test_a_stated_range_wins(codec: str, pix_fmt: str, stated: int, expected: str) -> None:
    def tagged(video: av.VideoStream) -> None:
        video.codec_context.color_range = stated

    film = replace(TINY, codec=codec, pix_fmt=pix_fmt, suffix=".mkv", tune=tagged)
    assert facts_of(made(film)).color.range == expected


def with_exif(packets: list[Packet]) -> list[Packet]:
    """JPEG pictures with EXIF, as cameras write them."""
    tiff = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0\x01\0\0\0" + b"\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    edited = []
    for packet in packets:
        data = bytes(packet)
        changed = av.Packet(data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:])
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.is_keyframe, changed.stream = True, packet.stream
        edited.append(changed)
    return edited


def test_pictures_with_exif_are_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    """PyAV cannot list the side data of such frames."""
    data = made(replace(TINY, codec="mjpeg", pix_fmt="yuvj420p", suffix=".avi", edit=with_exif))
    path = tmp_path_factory.mktemp("exif") / "camera.avi"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert has_unknown_side_data(frame)
        assert frame_side_data(frame) == {}
    facts = facts_of(data)
    assert facts.num_frames == TINY.num_frames
    assert "EXIF" in " ".join(facts.side_data.dropped)
