"""Changes to a film before it is muxed: what `Film.edit` does to packets, and `Film.tune` to the stream."""

from collections.abc import Callable

import av
from av.video.stream import VideoStream

from tests.clips.film import Packet


def shifted(num_ticks: int) -> Callable[[list[Packet]], list[Packet]]:
    """All timestamps shifted by `num_ticks`."""

    def edit(packets: list[Packet]) -> list[Packet]:
        for packet in packets:
            packet.pts += num_ticks
            packet.dts += num_ticks
        return packets

    return edit


def lasting(num_ticks: int) -> Callable[[list[Packet]], list[Packet]]:
    """The last frame lasts `num_ticks`."""

    def edit(packets: list[Packet]) -> list[Packet]:
        max(packets, key=lambda packet: packet.pts).duration = num_ticks
        return packets

    return edit


def without_ctts(packets: list[Packet]) -> list[Packet]:
    """Presentation times replaced by decoding times, starting at zero."""
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number
    return packets


def packed(packets: list[Packet]) -> list[Packet]:
    """As DivX packs them: each B-frame in one packet with the frame before it, and an empty frame in its place."""
    signature = b"\x00\x00\x01\xb2DivX503b1393p"
    empty = b"\x00\x00\x01\xb6\x51\x00"  # a P-frame's start code and a type that says: not coded
    out: list[Packet] = []
    while packets:
        packet = packets.pop(0)
        is_followed_by_b = bool(packets) and bytes(packets[0])[3] == 0xB6 and bytes(packets[0])[4] >> 6 == 2
        parts = [signature if packet.is_keyframe else b"", bytes(packet)]
        if is_followed_by_b:
            parts.append(bytes(packets.pop(0)))
        for data in [b"".join(parts)] + [empty] * is_followed_by_b:
            made = av.Packet(len(data))
            made.update(data)
            made.pts = made.dts = len(out)
            made.time_base, made.is_keyframe, made.stream = packet.time_base, packet.is_keyframe, packet.stream
            out.append(made)
    return out


def paired(packets: list[Packet]) -> list[Packet]:
    """Every two VP9 packets as one superframe whose pictures are both shown."""
    out: list[Packet] = []
    for first, second in zip(packets[::2], packets[1::2], strict=True):
        parts = bytes(first), bytes(second)
        marker = bytes([0b110_11_001])  # sizes of four bytes, two frames
        data = b"".join(parts) + marker + b"".join(len(part).to_bytes(4, "little") for part in parts) + marker
        made = av.Packet(len(data))
        made.update(data)
        made.pts, made.dts, made.time_base = first.pts, first.dts, first.time_base
        made.is_keyframe, made.stream = first.is_keyframe, first.stream
        out.append(made)
    return out


def from_packet(number: int) -> Callable[[list[Packet]], list[Packet]]:
    """Without the packets before this one."""
    return lambda packets: packets[number:]


def blanked(number: int) -> Callable[[list[Packet]], list[Packet]]:
    """With meaningless bytes as the payload of one H.264 packet."""

    def edit(packets: list[Packet]) -> list[Packet]:
        packets[number].update((b"\0\0\0\1\x41" + b"\xff" * packets[number].size)[: packets[number].size])
        return packets

    return edit


def spoiled(*numbers: int) -> Callable[[list[Packet]], list[Packet]]:
    """With meaningless bytes as the payload of packets of any codec."""

    def edit(packets: list[Packet]) -> list[Packet]:
        for number in numbers:
            packets[number].update(b"\x55" * packets[number].size)
        return packets

    return edit


def tagged(**tags: int) -> Callable[[VideoStream], None]:
    """Sets attributes of the codec context: color tags."""

    def tune(video: VideoStream) -> None:
        for name, value in tags.items():
            setattr(video.codec_context, name, value)

    return tune
