"""Store the pictures of a video losslessly, as packets of a chunk archive."""

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from slomo_batch.media.frames import frame_from_picture, planar_format
from slomo_batch.media.packet_archive import packet_record
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.source_pictures import SourcePicture
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.ffv1_slices import ffv1_slices
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.timeline.index import Int64s


class LosslessEncoder:
    """Encodes each picture as one packet of a lossless codec: FFV1 if it keeps every sample, else raw samples.

    Picture i is stored with `pts[i]`, in units of `time_base` seconds.
    """

    def __init__(
        self, facts: VideoFacts, pts: Int64s, time_base: Fraction, source: StreamHeader, *, alpha: bool = False
    ) -> None:
        form = planar_format(facts.pixel_format, alpha=alpha)
        self._pts = pts
        self._encoder = _encoder(form.name, (facts.width, facts.height), time_base)
        self._last: tuple[Picture, bytes] | None = None
        self.header = StreamHeader(
            kind="video",
            codec=self._encoder.codec.canonical_name,
            time_base=time_base,
            extradata=self._encoder.extradata or b"",
            width=facts.width,
            height=facts.height,
            pix_fmt=form.name,
            sample_aspect_ratio=source.sample_aspect_ratio,
            color_range=source.color_range,
            color_primaries=source.color_primaries,
            color_transfer=source.color_transfer,
            color_matrix=source.color_matrix,
        )

    def record(self, source: SourcePicture) -> bytes:
        """The archive's record of one picture. Captions are side data of the packet, which the decoder passes on."""
        pts = int(self._pts[source.number])
        return packet_record(
            ArchivedPacket(
                stream=0,
                pts=pts,
                dts=pts,
                duration=None,
                is_keyframe=True,
                is_discarded=False,
                data=self._coded(source.picture),
                side_data=(("a53_cc", source.captions),) if source.captions else (),
            )
        )

    def _coded(self, picture: Picture) -> bytes:
        if self._last is None or self._last[0] is not picture:
            frame = frame_from_picture(picture)
            self._last = picture, b"".join(bytes(packet) for packet in self._encoder.encode(frame))
        return self._last[1]


def _encoder(pix_fmt: str, size: tuple[int, int], time_base: Fraction) -> VideoCodecContext:
    ffv1 = av.Codec("ffv1", "w")
    slices = ffv1_slices(PIXEL_FORMATS[pix_fmt], *size)
    keeps_all = slices > 0 and pix_fmt in {form.name for form in ffv1.video_formats or ()}
    context = (ffv1 if keeps_all else av.Codec("rawvideo", "w")).create("video")
    context.width, context.height = size
    context.pix_fmt = pix_fmt
    context.time_base = time_base
    context.thread_count = 1
    if keeps_all:
        context.gop_size = 1
        context.options = {"level": "3", "slices": str(slices), "slicecrc": "1"}
    context.open()
    return context
