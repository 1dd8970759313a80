"""The settings of one video, merged from layers: defaults < manifest < input < table row < --set.

A later layer replaces only the values that it sets. An empty cell counts as absent. Pure.
"""

from collections.abc import Iterable
from dataclasses import fields

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.registry import find_method, method_names
from slomo_batch.manifest.sections import JobSettings, VideoSections
from slomo_batch.manifest.validation_errors import Problem
from slomo_batch.plan.containers import validate_container
from slomo_batch.plan.encode_validation import named_codec, validate_encode
from slomo_batch.settings import Budget, Interpolate, Settings, VideoSettings
from slomo_batch.uri import Uri

_ENCODE_FIELDS = ("quality", "preset", "encoder", "pixel_format")


def compose(layers: Iterable[VideoSections], job: JobSettings) -> Settings:
    """Merge the layers, later over earlier, and add the settings that apply to the whole job."""
    merged = VideoSections()
    for layer in layers:
        merged = merged.under(layer)
    video = merged.record(VideoSettings)
    own = {field.name: getattr(video, field.name) for field in fields(VideoSettings)}
    return Settings(**own, chunks=job.chunks, limits=job.limits)


def validate_job(job: JobSettings) -> list[Problem]:
    """Return the settings of a job that conflict."""
    workers = job.cluster.workers
    problems = _budget_problems(job.budget)
    if workers.max != "auto" and workers.min > workers.max:
        text = f"min must not exceed max, got min {workers.min} and max {workers.max}"
        problems.append(Problem(path=("cluster", "workers"), text=text))
    return problems


def _budget_problems(budget: Budget) -> list[Problem]:
    """Return the keys of a budget that conflict."""
    has_money, has_price = budget.money != "none", budget.price_per_hour != "none"
    if budget.hours != "none" and (has_money or has_price):
        text = "set either hours, or money and price_per_hour"
    elif has_money and not has_price:
        text = "money needs price_per_hour, the price of a machine hour in the same currency"
    elif has_price and not has_money:
        text = "price_per_hour needs money; for a limit in hours set hours alone"
    else:
        return []
    return [Problem(path=("budget",), text=text)]


def validate_settings(settings: Settings, suffix: str | None) -> list[Problem]:
    """Return the settings of one video that conflict.

    `suffix` is the output's file suffix with its dot; None if it depends on the source.
    """
    problems = [
        Problem(path=("encode", word) if word in _ENCODE_FIELDS else ("encode",), text=text)
        for text in validate_encode(settings.encode)
        for word in [text.partition(" ")[0]]
    ]
    if suffix is not None:
        texts = validate_container(named_codec(settings.encode), suffix, settings.encode.pixel_format)
        problems += [Problem(path=("output", "uri"), text=text) for text in texts]
    if settings.audio == "keep" and settings.retime.slowdown != 1:
        text = f"'keep' requires slowdown 1, got {settings.retime.slowdown}; use auto, stretch, resample or drop"
        problems.append(Problem(path=("audio",), text=text))
    if settings.retime.ramp and settings.audio in {"keep", "resample"}:
        text = f"{settings.audio!r} is not supported with retime.ramp; use auto, stretch or drop"
        problems.append(Problem(path=("audio",), text=text))
    wanted = settings.retime.range
    if wanted.end and wanted.duration:
        text = f"set either end or duration, got end {wanted.end} and duration {wanted.duration}"
        problems.append(Problem(path=("retime", "range"), text=text))
    if settings.scan == "telecine" and settings.interpolate.duplicates == "retime":
        text = "'retime' is not supported with scan: telecine; use keep, or another scan"
        problems.append(Problem(path=("interpolate", "duplicates"), text=text))
    return [*problems, *_doubt_problems(settings.interpolate)]


def _doubt_problems(interpolate: Interpolate) -> list[Problem]:
    """Return the problem of a doubt that the method cannot have."""
    method, doubt = interpolate.method, interpolate.doubt
    if doubt == "trust" or _has_evidence(method):
        return []
    able = " or ".join(name for name in method_names() if _has_evidence(name))
    text = f"{doubt!r} needs a method that judges its own frames, and {method!r} does not; use {able}, or doubt: trust"
    return [Problem(path=("interpolate", "doubt"), text=text)]


def _has_evidence(method: str) -> bool:
    """Return whether a method judges its own frames; False if it cannot be used, which is reported elsewhere."""
    try:
        return find_method(method).method.has_evidence
    except ManifestError:
        return False


def validate_output(settings: Settings, output_uri: Uri) -> list[str]:
    """Return why these settings cannot produce this output file.

    This repeats the container check of `validate_settings` for templates whose suffix depends on the source.
    """
    return validate_container(named_codec(settings.encode), output_uri.suffix, settings.encode.pixel_format)
