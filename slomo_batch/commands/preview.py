"""Preview: convert the seconds of a video with the most motion, and show them beside the source."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal

from slomo_batch.commands import run
from slomo_batch.errors import ManifestError, SlomoError, VideoError
from slomo_batch.evaluation.image_files import encode_png
from slomo_batch.manifest.load import Override
from slomo_batch.manifest.single_video import single
from slomo_batch.media.probe import Probe
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.side_by_side import write_side_by_side
from slomo_batch.report.events import (
    Activity,
    Display,
    Event,
    JobEnded,
    JobStarted,
    JobStopping,
    Note,
    Snapshot,
    VideoGivenUp,
    VideoPublished,
)
from slomo_batch.sandbox.confined import motion_at, probe
from slomo_batch.steps.context import StepContext
from slomo_batch.storage.existence import check_readable
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context

SAMPLES = 24
"""Places at which motion is measured."""
_IN_A_ROW = 3
"""Frames that are looked at in each place."""
_SOURCE_AS_IT_IS = (
    "interpolate.method=duplicate",
    "interpolate.doubt=trust",
    "encode={codec: ffv1, pixel_format: auto, tune: none, max_bit_rate: 0}",
)
"""Settings of the other half: each source frame is held until the next."""
_STOPPING = "Stopping after the current chunks. Press Ctrl-C again to stop now."


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a preview shows."""

    exit_code: int
    at_s: Fraction = Fraction(0)
    """Where it begins in the source, in seconds."""
    seconds: Fraction = Fraction(0)
    """Of the source."""
    num_frames: int = 0


def preview(
    source: str,
    target: Path,
    strip: Path,
    *,
    at_s: Fraction | None,
    seconds: Fraction,
    settings: Sequence[str],
    flags: Sequence[Override],
    display: AbstractContextManager[Display],
) -> Preview:
    """Write a file and a picture that show a part of a source beside its conversion.

    Args:
        source: a path or URI.
        target: the MP4 to write: the source's frames to the left, those of the conversion to the right.
        strip: the PNG to write: the same in a few successive frames, one above the other.
        at_s: where the part begins, in seconds; None: where the most motion is.
        seconds: its length in the source.
        settings: the values of --set.
        flags: the settings that have their own option.
        display: shows the conversion.

    Raises:
        ManifestError: the source cannot be read, it ends before `at_s`, or a setting is invalid.
        VideoError: the source is no video, or not one that is supported, or its own half cannot be made.
    """
    context = open_context(JobEnvironment(work_uri=Uri.parse(str(target.absolute().parent)), job="preview"))
    uri = Uri.parse(source)
    check_readable([uri], context.locate)
    with context.folder() as folder, display as shown:
        shown.show(Activity(text="reading the source" if at_s is not None else "looking for the most motion"))
        begin_s, seconds = _part_of(uri, source, at_s, seconds, context)
        part = _settings_of_part(begin_s, seconds, folder)

        def convert(half: Literal["before", "after"], more: Sequence[str], display: Display) -> int:
            manifest = single(source, str(folder / f"{half}.mkv"), settings=[*settings, *part, *more], flags=flags)
            return run.run(manifest, display=display, clean_up=True)

        code = convert("after", (), _Progress(shown, f"converting {_part_text(seconds, begin_s)} of {source}"))
        if not code:
            shown.show(Activity(text="adding the source's side"))
            with _Raising(shown) as of_source:
                code = convert("before", _SOURCE_AS_IT_IS, of_source)
        if code:
            return Preview(exit_code=code)
        shown.show(Activity(text="writing both side by side"))
        made = write_side_by_side(folder / "before.mkv", folder / "after.mkv", target)
        strip.write_bytes(encode_png(made.strip))
    return Preview(exit_code=0, at_s=begin_s, seconds=seconds, num_frames=made.num_frames)


def _settings_of_part(begin_s: Fraction, seconds: Fraction, folder: Path) -> list[str]:
    """Settings for the conversion of a part of the source, which works in this folder."""
    part = f"retime.range={{start: '{_decimal(begin_s)}', duration: '{_decimal(seconds)}'}}"
    return [part, "audio=drop", f"work={json.dumps(str(folder / 'work'))}", "output.exists=replace"]


class _Progress(Display):
    """A display that does not mention the job that a preview is made by, nor its files."""

    def __init__(self, display: Display, started: str) -> None:
        self._display, self._started = display, started

    def show(self, event: Event) -> None:
        """Show the event."""
        match event:
            case JobStarted():
                self._display.show(Activity(text=self._started))
            case JobStopping():
                self._display.show(JobStopping(text=_STOPPING))
            case JobEnded(interrupted=True):
                self._display.show(Note(text="interrupted: no preview is written"))
            case VideoPublished() | JobEnded():
                pass
            case _:
                self._display.show(event)


class _Raising(Display):
    """A display that shows only progress, and raises when it closes if the video failed."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._failed: VideoGivenUp | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._failed is not None and error is None:
            why = self._failed.reason.partition(". ")[0]
            raise VideoError(
                f"the half of the preview that shows the source cannot be made: {why}",
                where=self._failed.uri,
                remedy="The conversion was made without errors: use `slomo-batch convert`.",
            )

    def show(self, event: Event) -> None:
        """Show progress, and remember a failure."""
        if isinstance(event, VideoGivenUp):
            self._failed = event
        elif isinstance(event, Snapshot):
            self._display.show(event)
        elif isinstance(event, JobStopping):
            self._display.show(JobStopping(text=_STOPPING))


def _probe(uri: Uri, context: StepContext) -> tuple[Probe, RangeReader]:
    store, key = context.locate(uri)
    info = store.head(key)
    reader = RangeReader(partial(store.get_range, key, fingerprint=info.fingerprint), info.size_bytes)
    return probe(reader, uri), reader


def _part_of(
    uri: Uri, name: str, at_s: Fraction | None, seconds: Fraction, context: StepContext
) -> tuple[Fraction, Fraction]:
    """Where the part begins, and its length, which is at most that of the source."""
    found, reader = _probe(uri, context)
    seconds = min(seconds, found.timeline.duration_s)
    return _most_moving(found, reader, name, seconds) if at_s is None else _within(found, name, at_s), seconds


def _within(found: Probe, name: str, at_s: Fraction) -> Fraction:
    """`at_s`, if the source is longer than that."""
    end_s = found.timeline.duration_s
    if at_s < end_s:
        return at_s
    raise ManifestError(
        f"--at is {float(at_s):.3f} s, but the video lasts {float(end_s):.3f} s",
        where=name,
        remedy="Name an earlier time, or leave --at out.",
    )


def _most_moving(found: Probe, reader: RangeReader, name: str, seconds: Fraction) -> Fraction:
    """Where the part of this length with the most motion begins, measured at SAMPLES places of the source."""
    motions = list(_motions(found, reader, name))

    def motion_around(middle_s: Fraction) -> float:
        return sum(motion for at_s, motion in motions if abs(at_s - middle_s) <= seconds / 2)

    middle_s = max((at_s for at_s, _ in motions), key=motion_around, default=Fraction(0))
    return max(Fraction(0), min(middle_s - seconds / 2, found.timeline.duration_s - seconds))


def _motions(found: Probe, reader: RangeReader, name: str) -> Iterator[tuple[Fraction, float]]:
    """Yield a time in seconds, and how much motion there is, in even steps through the source."""
    pts, timeline = found.index.frame_pts.tolist(), found.timeline
    last = len(pts) - _IN_A_ROW
    numbers = sorted({round(last * sample / (SAMPLES - 1)) for sample in range(SAMPLES)}) if last > 0 else []
    for number in numbers:
        frame = min(number * timeline.frames_per_picture, timeline.num_frames - 1)
        with suppress(SlomoError):  # frames that cannot be decoded: the conversion says so
            motion = motion_at(reader, name, pts[number : number + _IN_A_ROW])
            yield int(timeline.ticks[frame]) * timeline.tick_s, motion


def _part_text(seconds: Fraction, begin_s: Fraction) -> str:
    return f"{float(seconds):.3g} s from {float(begin_s):.3f} s"


def _decimal(seconds: Fraction) -> str:
    """Seconds as a range has them; to the microsecond, which is less than a frame."""
    return f"{float(seconds):.6f}"
