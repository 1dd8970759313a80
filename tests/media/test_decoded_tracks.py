"""Audio whose decoder needs values of the container is stored as samples, exactly those that a player gets."""

import io
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.pcm import FrameSamples, PcmFormat, PcmTrack
from slomo_batch.media.split import AudioArchive
from slomo_batch.media.time_stretch import Block
from tests.media.sources import Opened

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
KINDS = (("wmav2", ".wmv", 44_100), ("wmav1", ".avi", 44_100))


def film(folder: Path, codec: str, suffix: str, sample_rate: int) -> bytes:
    """A film with one track, made by Debian's FFmpeg."""
    path = folder / f"film{suffix}"
    picture, tone = "testsrc=size=32x32:rate=25:duration=1", f"sine=sample_rate={sample_rate}:duration=1"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    coded = ["-c:v", "mpeg4", "-c:a", codec, "-metadata:s:a:0", "language=fra"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *coded, str(path)], check=True)
    return path.read_bytes()


def stored(opened: Opened, folder: Path) -> tuple[PcmTrack, ArchiveReader]:
    """The track as the audio step reads it, and its archive."""
    (part,) = opened.split([], folder, audio=True)
    assert isinstance(part, AudioArchive)
    archive = ArchiveReader(io.BytesIO(part.path.read_bytes()))
    (header,) = archive.headers
    zero_s = int(opened.probe.index.frame_pts[0]) * opened.probe.index.time_base
    return PcmTrack(lambda: iter(archive), header, zero_s=zero_s), archive


def played(data: bytes, form: PcmFormat) -> Block:
    """All samples that the demuxer's own decoder returns, one after the other."""
    samples, blocks = FrameSamples(form), []
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux(audio=0):
            blocks += [samples.block(frame) for frame in packet.decode() if isinstance(frame, AudioFrame)]
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize(("codec", "suffix", "sample_rate"), KINDS)
def test_a_decoded_track_has_the_samples_of_a_player(codec: str, suffix: str, sample_rate: int, tmp_path: Path) -> None:
    data = film(tmp_path, codec, suffix, sample_rate)
    opened = Opened.of("film", data)
    (track,) = opened.probe.facts.audio
    pcm, archive = stored(opened, tmp_path)
    (header,) = archive.headers
    assert (header.codec, header.language) == (track.codec, track.language)
    assert pcm.format is not None
    found = np.concatenate(list(pcm.blocks()), axis=1)
    expected = played(data, pcm.format)
    start, own_start = (int(np.argmax(block[0] != 0)) for block in (found, expected))
    same = expected[:, own_start:]
    assert np.array_equal(found[:, start : start + same.shape[1]], same[:, : found.shape[1] - start])
    assert min(same.shape[1], found.shape[1] - start) > sample_rate * 0.9


def test_packets_that_cannot_be_decoded_are_counted(tmp_path: Path) -> None:
    data = bytearray(film(tmp_path, "wmav2", ".wmv", 44_100))
    with av.open(io.BytesIO(bytes(data)), "r") as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    for packet in packets[5:8]:
        at = data.find(packet)
        data[at : at + len(packet)] = b"\xff" * len(packet)
    pcm, _ = stored(Opened.of("film", bytes(data)), tmp_path)
    list(pcm.blocks())
    assert pcm.num_damaged == 3
