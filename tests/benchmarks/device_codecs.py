"""Which codecs of a GPU work here, and whether its decoder gives the samples of software."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from slomo_batch.interpolators.device import builds, device_name, supported_precision
from slomo_batch.media.encode import encoder_works
from slomo_batch.plan.encoders import NVENC
from tests.benchmarks.device_rows import Row, Scale
from tests.end_to_end.running import REAL_CLIPS, excerpt, real_clip

NOT_HERE = (av.FFmpegError, RuntimeError, ValueError, NotImplementedError)
"""What PyAV raises if a codec of a GPU cannot be opened."""


def opens(_scale: Scale) -> Iterator[Row]:
    """The device, and which of its encoders and decoders work."""
    yield Row(what="device", value=f"{device_name()}; auto means {supported_precision()}")
    yield Row(what="builds", value=builds())
    for name in NVENC:
        yield Row(what=f"encoder {name}", value=_words(works=encoder_works(name)))
    with tempfile.TemporaryDirectory() as folder:
        clip = excerpt("bigbuckbunny", Path(folder) / "clip.mp4", num_frames=2, width=640, height=360)
        yield Row(what="decoder h264_cuvid", value=_words(works=_cuvid_works(clip)))
        yield Row(what="NVDEC by HWAccel", value=_words(works=bool(_nvdec_hashes(clip))))


def decoding(_scale: Scale) -> Iterator[Row]:
    """Whether NVDEC gives the samples of software, for each frame of real H.264 clips."""
    for name in REAL_CLIPS:
        software, nvdec = _hashes(real_clip(name), None), _nvdec_hashes(real_clip(name))
        equal = sum(one == other for one, other in zip(software, nvdec, strict=False))
        value = f"{equal} of {len(software)} frames equal" if nvdec else "does not work"
        yield Row(what=f"NVDEC and software, {name}", value=value)


def _words(*, works: bool) -> str:
    return "works" if works else "does not work"


def _cuvid_works(clip: Path) -> bool:
    try:
        decoder = av.CodecContext.create("h264_cuvid", "r")
        with av.open(str(clip)) as container:
            decoder.extradata = container.streams.video[0].codec_context.extradata
            assert isinstance(decoder, VideoCodecContext)
            packets = [packet for packet in container.demux(video=0) if packet.size]
            return any(decoder.decode(packet) for packet in packets) or bool(decoder.decode(None))
    except NOT_HERE:
        return False


def _nvdec_hashes(clip: Path) -> list[str]:
    """Empty if NVDEC does not work."""
    try:
        return _hashes(clip, HWAccel("cuda", allow_software_fallback=False))
    except NOT_HERE:
        return []


def _hashes(clip: Path, hwaccel: HWAccel | None) -> list[str]:
    with av.open(str(clip), hwaccel=hwaccel) as container:
        return [
            hashlib.blake2b(frame.reformat(format="yuv420p").to_ndarray().tobytes(), digest_size=8).hexdigest()
            for frame in container.decode(video=0)
        ]
