"""The Python interface: convert a video, plan, test and run the job of a manifest, interpolate between arrays.

`import slomo_batch` loads none of this; the first use of a name does.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.commands import run as run_command
from slomo_batch.commands.convert import convert as convert_command
from slomo_batch.commands.plan import plan as plan_command
from slomo_batch.commands.self_test import self_test as self_test_command
from slomo_batch.errors import BudgetSpent, VideosFailed
from slomo_batch.evaluation.compare_page import PageFrames
from slomo_batch.evaluation.methods import MethodChoice, OpenMethod
from slomo_batch.evaluation.report import Score, pooled
from slomo_batch.evaluation.rgb8 import to_tensor, to_uint8
from slomo_batch.evaluation.sampling import LeftOut
from slomo_batch.evaluation.self_test import MeasuredSecond, OnAdvance
from slomo_batch.evaluation.self_test_answers import self_test_page, verdict_on
from slomo_batch.interpolators.contract import Held, make_frames_on_cpu
from slomo_batch.interpolators.device import supported_precision
from slomo_batch.interpolators.registry import find_method
from slomo_batch.manifest.load import Override, load, read_text
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.single_video import single
from slomo_batch.manifest.yaml_tree import read_tree
from slomo_batch.report.events import Display, Event, JobStopping, VideoGivenUp, VideoPublished, VideoSkipped
from slomo_batch.report.plan_row import Plan
from slomo_batch.settings import Precision

__all__ = ["Interpolator", "JobResult", "SelfTestResult", "convert", "plan_job", "run", "self_test"]

Location = str | PathLike[str]
Settings = Mapping[str, object]
"""Settings by their path in a manifest, such as {"encode.codec": "hevc"}."""
OnEvent = Callable[[Event], None]
"""Called with each event of a job (`slomo_batch.report.events`), in the order in which they happen."""
Picture = TypeVar("Picture", NDArray[np.uint8], Tensor)


@dataclass(slots=True)
class JobResult:
    """What a run of a job did."""

    exit_code: int = 0
    """0: all videos are published; 1: some failed; 4: the budget is spent, and videos are left; 130: interrupted."""
    published: list[VideoPublished] = field(default_factory=list)
    skipped: list[VideoSkipped] = field(default_factory=list)
    """Published by earlier runs."""
    failed: list[VideoGivenUp] = field(default_factory=list)

    def raise_for_failures(self) -> None:
        """Raise VideosFailed if a video failed, BudgetSpent if the budget left some unmade."""
        if self.exit_code == BudgetSpent.exit_code:
            raise BudgetSpent("the budget is spent, and videos are left", remedy="Raise budget, and call this again.")
        if self.failed:
            raise VideosFailed(
                f"{len(self.failed)} of {len(self.failed) + len(self.published) + len(self.skipped)} videos failed",
                problems=tuple(f"{video.error}: {video.reason}" for video in self.failed),
            )


def convert(
    source: Location,
    output: Location,
    *,
    settings: Settings | None = None,
    overwrite: bool = False,
    on_event: OnEvent | None = None,
) -> JobResult:
    """Convert one video in this process, as the command `slomo-batch convert` does.

    Args:
        source: a path or an s3:// URI.
        output: likewise; its suffix selects the container.
        settings: by their path in a manifest; without any, 4x slow motion at the source's frame rate.
        overwrite: replace an output that exists and is not what this call makes.
        on_event: called with each event, for progress.

    Returns:
        What was done: the output is in `published`, or in `skipped` if an earlier call made it.

    Raises:
        ManifestError: a setting is wrong, or the source cannot be read.
        VideosFailed: the video cannot be converted.
        BudgetSpent: a `budget` among the settings is spent.
        JobError: the machine or a store cannot be used.
    """
    flags = _overrides(settings)
    if overwrite:
        flags.append(Override(label="overwrite", path=("output", "exists"), value="replace"))
    manifest = single(fspath(source), fspath(output), settings=(), flags=flags)
    listener = _Listener(on_event)
    listener.result.exit_code = convert_command([manifest], lambda _: listener, overwrite=overwrite)
    listener.result.raise_for_failures()
    return listener.result


def run(
    manifest: Location | Mapping[str, Any],
    *,
    settings: Settings | None = None,
    retry_failed: bool = False,
    force: bool = False,
    on_event: OnEvent | None = None,
) -> JobResult:
    """Run the job of a manifest, or resume it, as the command `slomo-batch run` does.

    Args:
        manifest: the path of a manifest file, or what it would contain.
        settings: override those of the manifest, by their path.
        retry_failed: also make the videos that failed in earlier runs.
        force: make all videos, also published ones.
        on_event: called with each event, for progress.

    Returns:
        What was done. Failed videos are in it: see `JobResult.raise_for_failures`.

    Raises:
        ManifestError: the manifest is invalid; `problems` lists what is wrong.
        JobError: the cluster or a store cannot be used.
    """
    listener = _Listener(on_event)
    listener.result.exit_code = run_command.run(
        _manifest(manifest, settings), display=listener, retry_failed=retry_failed, force=force
    )
    return listener.result


def plan_job(manifest: Location | Mapping[str, Any], *, settings: Settings | None = None) -> Plan:
    """Return what a run of a manifest's job would do with each video, as the command `slomo-batch plan` shows it.

    Reads the sources' headers; writes nothing.

    Args:
        manifest: the path of a manifest file, or what it would contain.
        settings: override those of the manifest, by their path.

    Raises:
        ManifestError: the manifest is invalid; `problems` lists what is wrong.
    """
    return plan_command(_manifest(manifest, settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestResult:
    """How well each method predicts frames of some seconds of a job's videos."""

    verdict: str
    """Whether the job's method is worth its time, in a sentence or two, and what to set if not."""
    methods: tuple[Score, ...]
    """A score per method over all seconds. That of what the job makes with its settings is the last, "this job"."""
    seconds: tuple[MeasuredSecond, ...]
    """Each second, with a score per method."""
    left_out: tuple[LeftOut, ...]
    """Videos that were chosen and cannot be measured, with the reason."""


def self_test(
    manifest: Location | Mapping[str, Any],
    num_seconds: int,
    *,
    settings: Settings | None = None,
    page: Location | None = None,
    on_advance: OnAdvance | None = None,
) -> SelfTestResult:
    """Measure the job's method and the others on its videos, as the command `slomo-batch plan --self-test` does.

    Every second frame of the seconds where most moves is removed, and predicted by each method. Makes no output of the
    job, and writes nothing to its work place.

    Args:
        manifest: the path of a manifest file, or what it would contain.
        num_seconds: seconds of source video to measure, over all videos; at least 1.
        settings: override those of the manifest, by their path.
        page: the path of a page to write, as HTML, that shows the frames side by side.
        on_advance: called with the number of frames that are measured, the number of all, and the seconds that the rest
            takes, or None while that is not known.

    Raises:
        ManifestError: the manifest is invalid, or no second can be measured; `problems` lists why.
        WeightsError: weights cannot be used.
        ValueError: `num_seconds` is less than 1.
    """
    if num_seconds < 1:
        raise ValueError(f"num_seconds must be at least 1, got {num_seconds}")
    frames = PageFrames() if page is not None else None
    test = self_test_command(
        _manifest(manifest, settings),
        num_seconds,
        collectors=[frames] if frames else [],
        on_text=lambda _: None,
        on_advance=on_advance or (lambda *_: None),
    )
    if frames and page is not None:
        Path(page).write_text(self_test_page(test, frames), "utf-8")
    return SelfTestResult(
        verdict=verdict_on(test),
        methods=tuple(pooled(test.report.scores)),
        seconds=test.measured,
        left_out=test.left_out,
    )


def _manifest(manifest: Location | Mapping[str, Any], settings: Settings | None) -> Manifest:
    if isinstance(manifest, Mapping):
        return load(json.dumps(manifest, default=str), where="manifest", flags=_overrides(settings))
    path = fspath(manifest)
    return load(read_text(path), where=path, flags=_overrides(settings))


def _overrides(settings: Settings | None) -> list[Override]:
    """The settings as a manifest would have them: JSON is YAML."""
    return [
        Override(
            label=path,
            path=tuple(path.split(".")),
            value=read_tree(json.dumps(value, default=str), where=path).data,
        )
        for path, value in (settings or {}).items()
    ]


# ---- what happened ---------------------------------------------------------------------------------------------------


class _Listener(Display):
    """A display that remembers what the result names, and passes each event on. If nobody listens, it still says on
    standard error that Ctrl-C was heard, since the current chunks may take minutes."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self.result = JobResult()

    def show(self, event: Event) -> None:
        match event:
            case VideoPublished():
                self.result.published.append(event)
            case VideoSkipped():
                self.result.skipped.append(event)
            case VideoGivenUp():
                self.result.failed.append(event)
            case JobStopping() if self._on_event is None:
                sys.stderr.write(f"{event.text}\n")
        if self._on_event is not None:
            self._on_event(event)


# ---- frames ----------------------------------------------------------------------------------------------------------


class Interpolator:
    """Makes frames between two pictures, as NumPy arrays or torch tensors.

    The pictures of a job are made by the same code, after its conversion of colors.
    """

    def __init__(
        self,
        method: str = "superslomo",
        *,
        weights: str = "compact",
        precision: Literal["auto"] | Precision = "auto",
        threads: int = 1,
    ) -> None:
        """Open a method.

        Args:
            method: as `interpolate.method` of a manifest.
            weights: a shipped name or the URI of a file; ignored by methods without weights.
            precision: of a network; auto: bf16 where the device is fast at it.
            threads: CPU threads that torch uses.

        Raises:
            ManifestError: no such method is installed.
            WeightsError: the weights cannot be used.
        """
        has_weights = find_method(method).method.weights is not None
        choice = MethodChoice(method=method, weights=weights if has_weights else "")
        chosen = supported_precision() if precision == "auto" else precision
        self._method = OpenMethod(choice, precision=chosen, threads=threads)

    def between(
        self,
        first: Picture,
        second: Picture,
        times: Iterable[Fraction | float],
        *,
        before: Picture | None = None,
        after: Picture | None = None,
    ) -> list[Picture]:
        """Return the pictures at `times` between two pictures.

        Args:
            first: the picture at time 0: an array [H, W, 3] of uint8, or a tensor [3, H, W] of floats, nominally 0 to
                1. RGB, with the transfer function of video (gamma), not linear light.
            second: the picture at time 1, of the same type and shape.
            times: each strictly within (0, 1).
            before: the picture before the first, for methods that look at it (mci).
            after: the picture after the second, likewise.

        Returns:
            For each time, in order, a picture of the same type and shape; tensors are on the CPU, in float32.

        Raises:
            ValueError: the pictures are of other types or shapes, or a time is not within (0, 1).
        """
        wanted = [Fraction(time) for time in times]
        if not all(0 < time < 1 for time in wanted):
            raise ValueError(f"times must be within (0, 1), got {[str(time) for time in wanted]}")
        i0, i1 = _tensor(first), _tensor(second)
        window = [None if before is None else _tensor(before), i0, i1, None if after is None else _tensor(after)]
        shapes = {tuple(picture.shape) for picture in window if picture is not None}
        if len(shapes) != 1:
            raise ValueError(f"the pictures must have one shape, got {sorted(shapes)}")
        [(_, height, width)] = shapes
        opened = self._method.interpolator(self._method.settings_for(width, height))
        made = make_frames_on_cpu(opened, window if self._method.context else window[1:3], wanted) if wanted else ()
        held = {Held.FIRST: i0, Held.SECOND: i1}
        return [_like(first, held[frame] if isinstance(frame, Held) else frame) for frame in made]


def _tensor(picture: NDArray[np.uint8] | Tensor) -> Tensor:
    """RGB, fp32, [3, H, W]."""
    if isinstance(picture, Tensor):
        if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
            raise ValueError(f"expected a tensor [3, H, W] of floats, got {list(picture.shape)} of {picture.dtype}")
        return picture.detach().to("cpu", torch.float32)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"expected an array [H, W, 3] of uint8, got {list(picture.shape)} of {picture.dtype}")
    return to_tensor(picture)


def _like(given: Picture, made: Tensor) -> Picture:
    """A made picture, in the type of the given one."""
    return made if isinstance(given, Tensor) else to_uint8(made)
