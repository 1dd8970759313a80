"""Whole chunks on a device: frames per second, the cores and the device busy, and equal frames in every run."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_names
from slomo_batch.media.encode import SegmentEncoder
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.encoder_options import Pictures
from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Encode
from slomo_batch.steps.pair_pool import PairPool
from slomo_batch.steps.stopwatch import Stopwatch
from tests.benchmarks.device_networks import spec_of
from tests.benchmarks.device_rows import DEVICE, Row, Scale
from tests.benchmarks.test_speed import stage_seconds
from tests.end_to_end.running import Job, excerpt
from tests.interpolators.footage import pictures as decoded
from tests.steps.pairs import parts_of

FRAMES_PER_PAIR = 4
STAGES = ("judge", "color", "model", "hash", "encode")


def pipeline(scale: Scale) -> Iterator[Row]:
    """Pairs at once, the pictures on the device, encoded with each preset and not at all."""
    cores, hashes = len(os.sched_getaffinity(0)), set()
    with tempfile.TemporaryDirectory() as folder:
        clip = excerpt("bigbuckbunny", Path(folder) / "c.mp4", num_frames=scale.num_frames, **_size(scale))
        source = decoded(clip)
        runs = [("", 1), ("", cores), *((preset, cores) for preset in scale.presets)]
        for number, (preset, at_once) in enumerate(runs):
            run = _Run(scale, Path(folder) / f"{number}.nut", preset, at_once)
            yield run.make(source)
            hashes.add(run.hashes)
    equal = "equal" if len(hashes) == 1 else f"NOT EQUAL: {len(hashes)} different"
    yield Row(what="frames of these runs", value=equal)


class _Run:
    """One run over a clip; without a preset nothing is encoded."""

    def __init__(self, scale: Scale, segment: Path, preset: str, at_once: int) -> None:
        self._scale, self._segment, self._preset, self._at_once = scale, segment, preset, at_once
        self.hashes: tuple[str, ...] = ()

    def make(self, source: list[Picture]) -> Row:
        """Make the frames, after a pair that does not count."""
        method, watch = open_interpolator(spec_of(shipped_names()[-1])), Stopwatch()
        list(PairPool(1).in_order(parts_of(source[:2], method, num=FRAMES_PER_PAIR)))
        parts = parts_of(source, method, num=FRAMES_PER_PAIR, watch=watch)
        began, began_cpu = time.perf_counter(), time.process_time()
        with _profiled() as found, self._encoder() as encoder:
            hashes = []
            for frame in PairPool(self._at_once).in_order(parts):
                hashes.append(frame.hash)
                if encoder is not None:
                    with watch.stage("encode"):
                        encoder.add(frame.picture)
            if encoder is not None:
                with watch.stage("encode"):
                    encoder.finish()
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        self.hashes = tuple(hashes)
        stages = watch.seconds()
        shown = ", ".join(f"{name} {getattr(stages, name):.2f}" for name in STAGES if getattr(stages, name))
        busy = f", device busy {100 * _device_s(found) / wall_s:.0f} %" if found is not None else ""
        value = f"{len(hashes) / wall_s:.1f} frames/s, {cpu_s / wall_s:.1f} cores{busy}; s of all threads: {shown}"
        return Row(what=f"{self._scale.size}, {self._at_once} at once, {self._encoding}", value=value)

    @property
    def _encoding(self) -> str:
        return f"x264 {self._preset}" if self._preset else "not encoded"

    def _encoder(self) -> AbstractContextManager[SegmentEncoder | None]:
        if not self._preset:
            return nullcontext()
        form, rate = PIXEL_FORMATS["yuv420p"], Fraction(100)
        return SegmentEncoder(
            self._segment,
            encoder="libx264",
            options=ENCODERS["libx264"].options(
                Encode(preset=self._preset),
                Pictures(form=form, rate=rate, width=self._scale.width, height=self._scale.height),
            ),
            pixel_format=form.name,
            rate=rate,
            color=ColorFacts(range="limited"),
            sample_aspect_ratio=Fraction(1),
            **_size(self._scale),
        )


def _size(scale: Scale) -> dict[str, int]:
    return {"width": scale.width, "height": scale.height}


def _profiled() -> AbstractContextManager[profile | None]:
    """What runs on a GPU meanwhile; None without one."""
    return profile(activities=[ProfilerActivity.CUDA]) if DEVICE.type == "cuda" else nullcontext()


def _device_s(found: profile) -> float:
    """Seconds that kernels and copies took, added up; several may run at a time."""
    torch.cuda.synchronize()
    averages = [one for one in found.key_averages() if one.device_type.name == "CUDA"]
    return float(sum(one.self_device_time_total for one in averages)) / 1e6


def job(scale: Scale) -> Iterator[Row]:
    """A job of one chunk as a user runs it, twice: seconds of each stage, equal frames."""
    preset, hashes, walls = scale.presets[-1], set(), []
    with tempfile.TemporaryDirectory() as folder:
        clip = excerpt("bigbuckbunny", Path(folder) / "clip.mp4", num_frames=scale.num_frames, **_size(scale))
        for number in range(2):
            encode = {"preset": preset, "encoder": "software"}
            made = Job(Path(folder) / str(number)).write([str(clip)], encode=encode, chunks={"pairs": 1000})
            began = time.perf_counter()
            ended = made.run()
            walls.append(time.perf_counter() - began)
            if ended.returncode:
                raise RuntimeError(f"exit code {ended.returncode}: {ended.stdout[-200:]}")
            hashes |= {published.frames_sha256 for published in made.receipts().values()}
        stages = stage_seconds(made.folder / "work")
    shown = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items())
    equal = "equal" if len(hashes) == 1 else "NOT EQUAL"
    rate = 4 * scale.num_frames / stages["total"]
    value = f"{rate:.1f} frames/s in the worker, {min(walls):.1f} s in all, frames {equal}; s: {shown}"
    yield Row(what=f"job, {scale.size}, x264 {preset}", value=value)
