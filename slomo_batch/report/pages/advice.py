"""What would make a job cheaper or its output better, from what it did, with the gain that can be expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slomo_batch.report.pages.job_history import JobHistory
from slomo_batch.report.units import counted, duration

NOTABLE = 0.05
"""Smallest share of the machine time that is worth advice."""
STORES_SHARE = 0.15
"""Share of a chunk's time that fetching and uploading may take."""
ENCODE_SHARE = 0.4
"""Share of a chunk's time that encoding may take."""
SHORT_CHUNK_S = 5.0
"""Chunks of less than this spend a notable part of their time on starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that could be changed."""

    title: str
    gain: str
    """What it would bring."""
    action: str


def advice_on(history: JobHistory) -> Sequence[Advice]:
    """Return the advice, that on quality first; none if the job did well."""
    return [*_quality(history), *_failed_attempts(history), *_idle_workers(history), *_stages(history)]


def _quality(history: JobHistory) -> Iterator[Advice]:
    counts = {kind: sum(video.counts.get(kind, 0) for video in history.videos) for kind in _KINDS_OF_INTEREST}
    if number := counts["held_damaged"]:
        which = sum(video.counts.get("held_damaged", 0) > 0 for video in history.videos)
        yield Advice(
            title=f"{counted(number, 'source frame')} in {counted(which, 'video')} could not be decoded",
            gain="each was shown as a copy of its neighbor",
            action="Look for better copies of these files; the table names them.",
        )
    all_frames = sum(video.frames for video in history.videos)
    if all_frames and counts["held_repeat"] > 0.2 * all_frames:
        yield Advice(
            title=f"{counts['held_repeat'] / all_frames:.0%} of the output frames repeat others",
            gain="smoother motion",
            action="The sources repeat frames, as animation does. Set interpolate.duplicates: retime.",
        )


_KINDS_OF_INTEREST = ("held_damaged", "held_repeat")


def _failed_attempts(history: JobHistory) -> Iterator[Advice]:
    spent_s = sum(one.took_s for one in history.attempts)
    lost_s = sum(one.took_s for one in history.attempts if one.is_failure)
    if spent_s and lost_s > NOTABLE * spent_s:
        worst = history.faults[0]
        hosts = f", most on {worst.hosts[0]}" if worst.hosts else ""
        yield Advice(
            title=f"Failed attempts took {lost_s / spent_s:.0%} of the machine time",
            gain=f"up to {duration(lost_s)} of machine time",
            action=f"The most frequent fault is {worst.error} ({worst.number:,} times{hosts}).",
        )


def _idle_workers(history: JobHistory) -> Iterator[Advice]:
    """Workers that waited, between the first and the last chunk of each."""
    spans: dict[tuple[str, int], tuple[float, float, float]] = {}
    for one in history.attempts:
        if one.step == "interpolate":
            key, ended_s = (one.host, one.process), one.began_s + one.took_s
            began_s, last_s, busy_s = spans.get(key, (one.began_s, ended_s, 0.0))
            spans[key] = min(began_s, one.began_s), max(last_s, ended_s), busy_s + one.took_s
    present_s = sum(last_s - began_s for began_s, last_s, _ in spans.values())
    idle_s = sum(max(0.0, last_s - began_s - busy_s) for began_s, last_s, busy_s in spans.values())
    if present_s and idle_s > 0.2 * present_s:
        yield Advice(
            title=f"Workers had nothing to do for {idle_s / present_s:.0%} of their time",
            gain=f"up to {duration(idle_s)} of worker time",
            action="Set a smaller cluster.workers.max, or give the machines more CPUs for splitting and joining.",
        )


def _stages(history: JobHistory) -> Iterator[Advice]:
    shares = {spread.stage: spread.share for spread in history.spreads}
    stores = shares.get("fetch", 0.0) + shares.get("upload", 0.0)
    if stores > STORES_SHARE:
        yield Advice(
            title=f"Chunks spent {stores:.0%} of their time on reading from and writing to the work place",
            gain=f"up to {duration(stores * history.busy_s)} of worker time",
            action="Use a work place that is nearer to the workers: a bucket in the same region, or a faster disk.",
        )
    if shares.get("encode", 0.0) > ENCODE_SHARE:
        yield Advice(
            title=f"Chunks spent {shares['encode']:.0%} of their time on encoding",
            gain="a faster preset takes a fraction of it, and makes larger files",
            action="Set a faster encode.preset.",
        )
    took_s = [one.took_s for one in history.attempts if one.step == "interpolate" and not one.is_failure]
    if len(took_s) > 100 and float(np.median(took_s)) < SHORT_CHUNK_S:
        yield Advice(
            title=f"Half of the chunks took less than {float(np.median(took_s)):.1f} s",
            gain="fewer requests and less waiting between chunks",
            action="Set a larger chunks.pairs.",
        )
