"""The answer of a self-test: what a producer concludes from it, as lines, as JSON and as a page."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slomo_batch.evaluation.compare_page import FramePlace, PageFrames, render_comparison, row_of
from slomo_batch.evaluation.report import Score, pooled
from slomo_batch.evaluation.sampling import PLACES
from slomo_batch.evaluation.self_test import FRAMES_PER_SECOND, MAX_WIDTH, OWN, MeasuredSecond, SelfTest
from slomo_batch.interpolators.registry import find_method
from slomo_batch.report.columns import Column, aligned
from slomo_batch.report.terminal import wrapped
from slomo_batch.report.units import counted

NOTABLE_DB = 0.5
"""A difference in mean PSNR that is worth a change of a setting, or the time of a slower method."""
WORSE_DB = 0.1
"""A second counts as worse than a cross-fade from this difference on."""
_MUCH = {3.0: "much", 1.0: "clearly", 0.0: "a little"}
"""Words for a difference, by the least mean PSNR, in dB, from which they are used."""
_MOST_SECONDS = 5
"""Seconds that the lines name."""


# ---- what follows ----------------------------------------------------------------------------------------------------


def verdict_on(test: SelfTest) -> str:
    """Say in a sentence or two whether the job's method is worth its time, and what to change if not."""
    scores = {score.entry.label: score for score in pooled(test.report.scores)}
    own, blend = scores.pop(OWN), scores.get("blend")
    best = max(scores.values(), key=_db, default=own)
    lead_db, gain_db = _db(own) - _db(blend or own), _db(best) - _db(own)
    name = own.entry.method
    if blend is None:
        if gain_db < NOTABLE_DB:
            return "This job makes cross-fades, and no other method is clearly better on these seconds: keep it."
        return f"This job makes cross-fades: set {_setting(own, best)}, which is {gain_db:.1f} dB better here."
    if lead_db >= NOTABLE_DB:
        much = next(word for least_db, word in _MUCH.items() if lead_db >= least_db)
        text = (
            f"{name} is worth its time: its frames are {much} nearer to the true ones than those of a cross-fade"
            f" ({lead_db:+.1f} dB)."
        )
        if gain_db >= NOTABLE_DB:
            return f"{text} Better still by {gain_db:.1f} dB: set {_setting(own, best)}."
        return f"{text}{_about_worse_seconds(test)}"
    text = f"{name} is not better than a cross-fade here ({lead_db:+.1f} dB)"
    if gain_db >= WORSE_DB and best is not blend:
        return f"{text}: set {_setting(own, best)}, which is {gain_db:.1f} dB better than this job."
    faster = own.seconds_per_frame / max(blend.seconds_per_frame, 1e-6)
    cheaper = f", {faster:,.0f} times as fast" if faster >= 2 else ""
    return (
        f"{text}, and no other method is: the motion is too small or too fast for them. Set interpolate.method: blend"
        f"{cheaper}, or look at the page and set a smaller slowdown."
    )


def _about_worse_seconds(test: SelfTest) -> str:
    worse = [one for one in test.measured if _lead_db(one) <= -WORSE_DB]
    if not worse:
        return ""
    text = f" In {len(worse)} of {counted(len(test.measured), 'second')} a cross-fade is better"
    faded = [score for one in worse for score in one.scores if score.entry.label.endswith("doubt: blend")]
    helps = [score for one in worse for score in faded if score in one.scores and _db(score) > _db(one.score(OWN))]
    if helps:
        return f"{text}: set interpolate.doubt: blend, which is better in {len(helps)} of them."
    return f"{text}; the page shows them." if test.measured else ""


def _setting(own: Score, other: Score) -> str:
    """The settings that turn the job's method into another, as a manifest has them."""
    ours, theirs = own.entry, other.entry
    changes = {
        "method": theirs.method if theirs.method != ours.method else "",
        "weights": theirs.weights_name if theirs.weights_name not in {"", ours.weights_name} else "",
        "doubt": theirs.doubt if theirs.doubt != ours.doubt else "",
    }
    return " and ".join(f"interpolate.{key}: {value}" for key, value in changes.items() if value)


def _db(score: Score) -> float:
    return score.psnr_db or 0.0


def _lead_db(measured: MeasuredSecond) -> float:
    """How far the job's method is above a cross-fade; 0 if it is one."""
    labels = {score.entry.label for score in measured.scores}
    return _db(measured.score(OWN)) - _db(measured.score("blend" if "blend" in labels else OWN))


def _worst_first(test: SelfTest) -> list[MeasuredSecond]:
    return sorted(test.measured, key=lambda one: _db(one.score(OWN)))


# ---- lines -----------------------------------------------------------------------------------------------------------


def self_test_lines(test: SelfTest, width: int | None) -> Iterator[str]:
    """The lines for a person, at most `width` columns wide if possible."""
    yield from _broken((f"{title:<10} {text}" for title, text in _heading(test).items()), width)
    yield from ("", *aligned(_method_columns(test), width), "")
    yield from ("the seconds where this job does worst:", *aligned(_second_columns(test), width), "")
    yield from _broken((f"left out   {one.uri}: {one.reason}" for one in test.left_out), width)
    yield from _broken([f"verdict    {verdict_on(test)}"], width)


def _broken(lines: Iterable[str], width: int | None) -> Iterator[str]:
    for line in lines:
        yield from [line] if width is None else wrapped(line, width)


def _heading(test: SelfTest) -> dict[str, str]:
    """What was measured, in sentences by their titles."""
    num_videos = len({one.second.request.source.uri for one in test.measured})
    fewer = "" if len(test.measured) >= test.num_wanted else f", of {test.num_wanted:,} that were asked for"
    return {
        "self-test": f"{counted(len(test.measured), 'second')} of {num_videos:,} of {counted(test.num_videos, 'video')}"
        f"{fewer}; of {PLACES} places each, that where most moves",
        "measured": _protocol(test),
        "this job": ", ".join(_own_settings(test)),
    }


def _protocol(test: SelfTest) -> str:
    sizes = {f"{size.width}x{size.height}" for score in test.report.scores for size in score.settings}
    shown = ", ".join(sorted(sizes)) if len(sizes) <= 2 else f"at most {MAX_WIDTH} pixels wide"
    return (
        f"every second frame is removed, and {FRAMES_PER_SECOND} of them in each second are predicted ({shown}); from"
        " frame to frame, twice as much moves as in the job"
    )


def _own_settings(test: SelfTest) -> list[str]:
    """What the job does, once for all videos that do the same."""
    found = dict.fromkeys(one.score(OWN).entry for one in test.measured)
    return [
        f"{entry.method} {entry.weights_name}".rstrip()
        + (f" {entry.precision}" if entry.weights_name else "")
        + (f", doubt: {entry.doubt}" if find_method(entry.method).method.has_evidence else "")
        for entry in found
    ]


def _method_columns(test: SelfTest) -> list[Column]:
    scores = sorted(pooled(test.report.scores), key=_db, reverse=True)
    return [
        Column("method", [score.entry.label for score in scores]),
        Column("PSNR, dB", [f"{_db(score):.2f}" for score in scores], is_number=True),
        Column("SSIM", [f"{score.ssim or 0:.4f}" for score in scores], is_number=True),
        Column("IE, levels", [f"{score.ie or 0:.2f}" for score in scores], rank=3, is_number=True),
        Column("worst, dB", [f"{_worst_db(score):.2f}" for score in scores], rank=2, is_number=True),
        Column("s/frame", [f"{score.seconds_per_frame:.3f}" for score in scores], rank=1, is_number=True),
    ]


def _worst_db(score: Score) -> float:
    return min(frame.psnr_db or 0.0 for frame in score.frames)


def _second_columns(test: SelfTest) -> list[Column]:
    seconds = _worst_first(test)[:_MOST_SECONDS]
    rows = [_second_row(one) for one in seconds]
    return [
        Column("second", [row["name"] for row in rows], shrinks=True),
        Column("PSNR, dB", [row["psnr"] for row in rows], is_number=True),
        Column("to a cross-fade", [row["lead"] for row in rows], is_number=True),
        Column("best method", [row["best"] for row in rows], rank=1),
    ]


def _second_row(measured: MeasuredSecond) -> dict[str, str]:
    best = max(measured.scores, key=_db)
    return {
        "name": measured.name,
        "psnr": f"{_db(measured.score(OWN)):.2f}",
        "lead": f"{_lead_db(measured):+.2f}",
        "best": best.entry.label,
        "motion": f"{measured.second.motion:.1f}",
    }


# ---- JSON ------------------------------------------------------------------------------------------------------------


def self_test_json(test: SelfTest) -> Mapping[str, Any]:
    """The result for a program."""
    return {
        "event": "self_test",
        "job": test.job,
        "videos": test.num_videos,
        "seconds_wanted": test.num_wanted,
        "verdict": verdict_on(test),
        "methods": [_method_json(score) for score in pooled(test.report.scores)],
        "seconds": [
            {
                "uri": one.second.request.source.uri,
                "at_s": round(float(one.second.at_s), 6),
                "motion": round(one.second.motion, 3),
                "frames": len(one.scores[0].frames),
                "psnr_db": {score.entry.label: score.psnr_db for score in one.scores},
                "ssim": {score.entry.label: score.ssim for score in one.scores},
            }
            for one in _worst_first(test)
        ],
        "left_out": [{"uri": one.uri, "reason": one.reason} for one in test.left_out],
        "device": test.report.machine.device,
    }


def _method_json(score: Score) -> Mapping[str, Any]:
    entry = score.entry
    return {
        "label": entry.label,
        "method": entry.method,
        "weights": entry.weights_name,
        "precision": entry.precision,
        "doubt": entry.doubt,
        "frames": len(score.frames),
        "psnr_db": score.psnr_db,
        "ssim": score.ssim,
        "ie": score.ie,
        "worst_psnr_db": _worst_db(score),
        "flicker_mean": score.flicker.mean,
        "flicker_sharpness": score.flicker.sharpness,
        "flicker_noise": score.flicker.noise,
        "seconds_per_frame": score.seconds_per_frame,
    }


# ---- the page --------------------------------------------------------------------------------------------------------


def self_test_page(test: SelfTest, frames: PageFrames) -> str:
    """Return the HTML of the page: the worst frames of each method beside the true ones, and every second."""
    own = [score for score in test.report.scores if score.entry.label == OWN]
    places = [(score, frame.number) for score in own for frame in score.frames]
    return render_comparison(
        test.report,
        pooled(test.report.scores),
        frames,
        title=f"Self-test of {test.job}",
        verdict=verdict_on(test),
        places=[
            FramePlace(row=row_of(score), number=number, shown=place, name=f"{score.name}, frame {number}")
            for place, (score, number) in enumerate(places, start=1)
        ],
        seconds=[_second_row(one) for one in _worst_first(test)],
        notes=[
            *(f"{title.capitalize()}: {text}." for title, text in _heading(test).items()),
            *(f"Left out: {one.uri}: {one.reason}." for one in test.left_out),
        ],
    )
