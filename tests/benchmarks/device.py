"""What a device does, in under eight minutes: `python -m tests.benchmarks.device` prints one table.

On a machine without CUDA everything runs on the CPU at a smaller size, so that the script itself is tested. Rows are
measured in sequence; each states its unit. Nothing is written but the table.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import torch
from av.codec.hwaccel import HWAccel

from slomo_batch.interpolators.contract import make_frames
from slomo_batch.interpolators.device import builds, device_kind, device_name, supported_precision
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from slomo_batch.media.encode import encoder_works
from slomo_batch.plan.codecs import ENCODERS
from tests.benchmarks.test_speed import stage_seconds
from tests.end_to_end.running import Job, excerpt

TIMES = [Fraction(k, 4) for k in (1, 2, 3)]
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table."""

    what: str
    value: str


def timed(run: Callable[[], object], rounds: int) -> float:
    """Median seconds of a call, after one that does not count. Waits for the device."""
    took = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        took += [time.perf_counter() - began] if number else []
    return median(took)


# ---- what opens ------------------------------------------------------------------------------------------------------


def abilities() -> Iterator[Row]:
    """The device, and which codecs of it work."""
    yield Row(what="device", value=f"{device_name()}; auto means {supported_precision()}")
    yield Row(what="builds", value=builds())
    for name in (name for name, encoder in ENCODERS.items() if encoder.is_nvenc):
        yield Row(what=f"encoder {name}", value="works" if encoder_works(name) else "does not work")
    yield Row(what="decoding on CUDA", value="works" if _decodes_on_cuda() else "does not work")


def _decodes_on_cuda() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        clip = excerpt("bigbuckbunny", Path(folder) / "clip.mp4", num_frames=2, width=640, height=360)
        try:
            with av.open(str(clip), hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
                return next(container.decode(video=0)) is not None
        except (av.FFmpegError, RuntimeError, ValueError, NotImplementedError):
            return False


# ---- copies and networks ---------------------------------------------------------------------------------------------


def copies(size: tuple[int, int]) -> Iterator[Row]:
    """Speed of copies to the device and back: of the planes of a picture, and of its RGB in fp32."""
    if not torch.cuda.is_available():
        return
    width, height = size
    for what, num_bytes in ("planes", width * height * 3 // 2), ("RGB", width * height * 12):
        for pinned in (False, True):
            here = torch.empty(num_bytes, dtype=torch.uint8, pin_memory=pinned)
            there = here.cuda()
            up = timed(lambda here=here, there=there: there.copy_(here, non_blocking=True), 20)  # type: ignore[misc]
            down = timed(lambda here=here, there=there: here.copy_(there, non_blocking=True), 20)  # type: ignore[misc]
            rates = f"{num_bytes / up / 1e9:.1f} GB/s up, {num_bytes / down / 1e9:.1f} GB/s down"
            yield Row(
                what=f"copy of {what}, {num_bytes / MIB:.1f} MiB, {'pinned' if pinned else 'pageable'}", value=rates
            )


def networks(size: tuple[int, int], rounds: int) -> Iterator[Row]:
    """Milliseconds of each network for a pair and its three frames, prior flow and copies included, and equal bits."""
    width, height = size
    pair = [torch.rand(3, height, width) for _ in range(2)]
    for name in shipped_names():
        spec = InterpolatorSpec(
            method="superslomo", weights_path=str(shipped_file(name)), precision=supported_precision(), pyramid_levels=4
        )
        method = open_interpolator(spec)

        def make(method: object = method) -> list[torch.Tensor]:
            return [frame for frame in make_frames(method, pair, TIMES) if isinstance(frame, torch.Tensor)]  # type: ignore[arg-type]

        seconds = timed(make, rounds)
        repeated = zip(make(), make(), strict=True)
        same = "equal" if all(torch.equal(one, other) for one, other in repeated) else "DIFFERS"
        value = f"{seconds * 1000:.1f} ms, repeated {same}"
        yield Row(what=f"{name}, a pair at {width}x{height}, 4x", value=value)


# ---- whole jobs ------------------------------------------------------------------------------------------------------


def jobs(size: tuple[int, int], num_frames: int, presets: list[str]) -> Iterator[Row]:
    """A job of one chunk, twice for each preset of x264: frames per second, seconds of each stage, equal frames."""
    width, height = size
    with tempfile.TemporaryDirectory() as folder:
        clip = excerpt("bigbuckbunny", Path(folder) / "clip.mp4", num_frames=num_frames, width=width, height=height)
        for preset in presets:
            hashes, walls = set(), []
            for number in range(2):
                encode = {"preset": preset, "encoder": "software"}
                job = Job(Path(folder) / f"{preset}-{number}").write([str(clip)], encode=encode, chunks={"pairs": 1000})
                began = time.perf_counter()
                ended = job.run()
                walls.append(time.perf_counter() - began)
                if ended.returncode:
                    yield Row(what=f"job, {preset}", value=f"exit code {ended.returncode}: {ended.stdout[-200:]}")
                    return
                hashes |= {published.frames_sha256 for published in job.receipts().values()}
            stages = stage_seconds(job.folder / "work")
            shown = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items())
            equal = "equal" if len(hashes) == 1 else "DIFFER"
            rate = f"{4 * num_frames / stages['total']:.1f} frames/s in the worker"
            value = f"{rate}, {min(walls):.1f} s in all, frames {equal}; s: {shown}"
            yield Row(what=f"job, {width}x{height}, x264 {preset}", value=value)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small pictures and few rounds, as on a CPU")
    options = parser.parse_args()
    is_small = options.quick or device_kind() == "cpu"
    size, rounds, num_frames = ((320, 192), 2, 6) if is_small else ((1920, 1080), 10, 32)
    presets = ["veryfast"] if is_small else ["medium", "veryfast", "ultrafast"]
    began = time.perf_counter()
    for rows in (abilities(), copies(size), networks(size, rounds), jobs(size, num_frames, presets)):
        for row in rows:
            sys.stdout.write(f"| {row.what} | {row.value} |\n")
            sys.stdout.flush()
    sys.stdout.write(f"| seconds in all | {time.perf_counter() - began:.0f} |\n")


if __name__ == "__main__":
    main()
