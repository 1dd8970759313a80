"""Films in containers that state side data and metadata beside the pictures, as cameras and masters have them."""

import io
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from slomo_batch.media.header_file import header_file, with_boxes_of_stream, without_spatial_video
from slomo_batch.media.mp4_boxes import box
from slomo_batch.media.side_data_boxes import boxes_of_side_data
from slomo_batch.side_data import ContentLight, MasteringDisplay, SideData
from tests.clips.film import FORMATS, Film, Packet, jpeg, made

MASTERING = MasteringDisplay(
    red=(34000, 16000),
    green=(13250, 34500),
    blue=(7500, 3000),
    white=(15635, 16450),
    most_luminance=10_000_000,
    least_luminance=50,
)
"""A display with the primaries of P3 and a white of D65."""
LIGHT = ContentLight(most=1000, most_average=400)
MS = Fraction(1, 1000)


def stated(film: Film, side_data: SideData, suffix: str = ".mp4", added: bytes = b"") -> bytes:
    """The film, in a container of this suffix that states the side data and has these boxes."""
    file = io.BytesIO()
    options = {"strict": "unofficial"}
    boxes = boxes_of_side_data(side_data, *film.size) + added
    with av.open(io.BytesIO(made(film)), "r") as plain:
        video = plain.streams.video[0]
        header = with_boxes_of_stream(header_file(video), boxes)
        with (
            av.open(io.BytesIO(header)) as template,
            av.open(file, "w", FORMATS[suffix], container_options=options) as target,
        ):
            stream = target.add_stream_from_template(template.streams.video[0], opaque=True)
            stream.codec_context.extradata = video.codec_context.extradata
            stream.codec_context.codec_tag = "\0\0\0\0"
            _copy(plain, target, stream)
    if suffix == ".mp4":
        without_spatial_video(file)
    return file.getvalue()


def in_dolby_vision(film: Film, suffix: str, profile: int, compatible_with: int) -> bytes:
    """The film with the box, the Matroska element or the descriptor of Dolby Vision; profiles as in Dolby's streams."""
    configuration = bytes([1, 0, profile << 1, 0b1101, compatible_with << 4])
    if suffix == ".ts":
        return with_descriptor(stated(film, SideData(), suffix), bytes([0xB0, 5]) + configuration)
    kind = b"dvcC" if profile <= 7 else b"dvvC"
    return stated(film, SideData(), suffix, box(kind, configuration, bytes(19)))


def with_descriptor(stream: bytes, descriptor: bytes) -> bytes:
    """The transport stream with one more descriptor of its only track, in the program map of the third packet."""
    start = 2 * 188 + 5
    length = int.from_bytes(stream[start + 1 : start + 3], "big") & 0xFFF
    section = bytearray(stream[start : start + 3 + length - 4])
    section += descriptor
    section[1:3] = (0xB000 | (length + len(descriptor))).to_bytes(2, "big")
    section[15:17] = (0xF000 | (int.from_bytes(section[15:17], "big") & 0xFFF) + len(descriptor)).to_bytes(2, "big")
    section += crc32_of_mpeg(section).to_bytes(4, "big")
    return stream[:start] + section + stream[start + len(section) :]


def crc32_of_mpeg(data: bytearray) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 * (crc >> 31)) & 0xFFFFFFFF
    return crc


def hdr10_plus(packets: list[Packet]) -> list[Packet]:
    """The packets with dynamic metadata of SMPTE ST 2094-40 for one window, all of it zero, in an SEI message."""
    bits = f"{4:08b}{1:08b}{1:02b}" + "0" * (27 + 1 + 3 * 17 + 17 + 4 + 10 + 3)
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    payload = bytes.fromhex("B5003C0001") + int(bits, 2).to_bytes(len(bits) // 8, "big")
    emulation_safe = bytes([4, len(payload)]) + payload + b"\x80"
    escaped = emulation_safe.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\0", b"\0\0\3\0")
    edited = []
    for packet in packets:
        changed = av.Packet(b"\0\0\0\1\x4e\1" + escaped + bytes(packet))
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.is_keyframe, changed.stream = packet.is_keyframe, packet.stream
        edited.append(changed)
    return edited


# ---- metadata ------------------------------------------------------------------------------------------------------

CAMERA_TAGS = {
    "title": "Derby",
    "creation_time": "2019-07-14T09:30:00.000000Z",
    "artist": "A. Person",
    "copyright": "(c) 2019",
    "comment": "finish line",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 8",
    "com.apple.quicktime.location.ISO6709": "+51.4778-000.0015+045.000/",
}


def camera_file(film: Film, *, timecode: str = "10:20:30:05", rotation_deg: int = 90) -> bytes:
    """A MOV as a phone or a camera writes it."""
    file = io.BytesIO()
    options = {"movflags": "use_metadata_tags"}
    with (
        av.open(io.BytesIO(made(film)), "r") as plain,
        av.open(file, "w", "mov", container_options=options) as target,
    ):
        stream = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        target.metadata.update(CAMERA_TAGS)
        stream.metadata["timecode"] = timecode
        stream.set_display_rotation(rotation_deg)
        _copy(plain, target, stream)
    return file.getvalue()


def turned_file(film: Film, rotation_deg: int, *, is_mirrored: bool) -> bytes:
    """An MP4 whose players turn the pictures, and then mirror them from left to right."""
    file = io.BytesIO()
    with av.open(io.BytesIO(made(film)), "r") as plain, av.open(file, "w", "mp4") as target:
        stream = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        stream.set_display_rotation(rotation_deg, hflip=is_mirrored)
        _copy(plain, target, stream)
    return file.getvalue()


def disc_file(film: Film, *, with_cover: bool = True) -> bytes:
    """A Matroska file as a disc is stored: chapters, a font, a cover, and tags of file and video."""
    file = io.BytesIO()
    with av.open(io.BytesIO(made(film)), "r") as plain, av.open(file, "w", "matroska") as target:
        stream = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        target.metadata.update({"title": "Feature", "artist": "A. Person", "DIRECTOR": "B. Person"})
        stream.metadata.update({"title": "Main film", "SCANNED_BY": "C. Person"})
        half_ms = round(500 * film.num_frames / film.rate)
        target.set_chapters(
            [
                {"id": 1, "start": 0, "end": half_ms, "time_base": MS, "metadata": {"title": "One"}},
                {"id": 2, "start": half_ms, "end": 2 * half_ms, "time_base": MS, "metadata": {"title": "Two"}},
                {"id": 3, "start": 9_000, "end": 9_500, "time_base": MS, "metadata": {"title": "Beyond the end"}},
            ]
        )
        target.add_attachment("letters.ttf", "font/ttf", b"not really a font")
        if with_cover:
            target.add_attachment("cover.jpg", "image/jpeg", jpeg())
        _copy(plain, target, stream)
    return file.getvalue()


def _copy(plain: InputContainer, target: OutputContainer, stream: VideoStream) -> None:
    for packet in plain.demux(plain.streams.video[0]):
        if packet.size:
            packet.stream = stream
            target.mux(packet)
