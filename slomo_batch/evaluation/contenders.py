"""Contenders: methods, and for the network its weights, opened for each size of picture they meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath

from slomo_batch.errors import ObjectMissing, StorageError, WeightsError
from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.factory import InterpolatorSpec, method_context, open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.plan.job_pin import flow_scale, pyramid_levels
from slomo_batch.serialization import digest, file_sha256
from slomo_batch.settings import Method, Precision
from slomo_batch.steps.scratch import process_scratch
from slomo_batch.storage.location import S3Options
from slomo_batch.wiring import locate


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A method as a person names it."""

    method: Method
    weights: str = ""
    """A shipped name or a URI; empty where the method has none."""
    levels: int | None = None
    """Levels of the network's pyramid; None: by the size of the picture, as a job would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a contender turned out to be: all that decides its pixels but the size of the picture and the machine."""

    label: str
    """Names it in a table."""
    method: Method
    weights_name: str
    weights_sha256: str
    precision: Precision
    """Of the network; other methods take no notice."""
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a contender was opened for one size of picture."""

    width: int
    height: int
    flow_scale: Fraction
    pyramid_levels: int


def contenders(methods: Sequence[Method], weights: Sequence[str], levels: int | None) -> list[Contender]:
    """The methods in their order; the network once with each of the weights."""
    named: list[Contender] = []
    for method in dict.fromkeys(methods):
        if method == "superslomo":
            named += [Contender(method=method, weights=spelling, levels=levels) for spelling in dict.fromkeys(weights)]
        else:
            named.append(Contender(method=method))
    return named


class OpenContender:
    """A contender, opened for each size of picture as a job would open it."""

    def __init__(self, contender: Contender, *, precision: Precision, threads: int) -> None:
        """Find its weights.

        Raises:
            WeightsError: they cannot be used.
        """
        name, path = _weights(contender.weights) if contender.method == "superslomo" else ("", None)
        self.entry = Entry(
            label=_label(contender, name),
            method=contender.method,
            weights_name=name,
            weights_sha256=file_sha256(path) if path else "",
            precision=precision if path else "fp32",
            threads=threads,
        )
        self.context = method_context(contender.method)
        self._levels = contender.levels
        self._path = path
        self._has_pyramid = path is not None and load(path).network == "superslomo-compact"
        self._opened: dict[tuple[Fraction, int], AnyInterpolator] = {}

    def setting(self, width: int, height: int) -> Setting:
        """How it is opened for pictures of this size."""
        levels = self._levels or pyramid_levels(width, height)
        return Setting(
            width=width,
            height=height,
            flow_scale=flow_scale(width, height),
            pyramid_levels=levels if self._has_pyramid else 1,
        )

    def method(self, setting: Setting) -> AnyInterpolator:
        """It, opened so."""
        key = setting.flow_scale, setting.pyramid_levels
        if key not in self._opened:
            spec = InterpolatorSpec(
                method=self.entry.method,
                weights_path=str(self._path or ""),
                precision=self.entry.precision,
                flow_scale=setting.flow_scale,
                pyramid_levels=setting.pyramid_levels,
                threads=self.entry.threads,
            )
            self._opened[key] = open_interpolator(spec)
        return self._opened[key]


def _label(contender: Contender, weights_name: str) -> str:
    if not weights_name:
        return contender.method
    short = weights_name.rpartition("/")[2]
    return f"{short}, {contender.levels} levels" if contender.levels else short


def _weights(spelling: str) -> tuple[str, Path]:
    """Name and local file of weights."""
    name = resolve_name(spelling)
    if name in shipped_names():
        return name, shipped_file(name)
    store, key = locate(name, s3=S3Options())
    path = process_scratch() / f"{digest('weights', name)}{PurePosixPath(key).suffix}"
    try:
        store.get_file(key, path)
    except ObjectMissing as error:
        known = ", ".join(shipped_names())
        remedy = f"Name a file, or one of the shipped: {known}."
        raise WeightsError("there are no such weights", where=name, remedy=remedy) from error
    except StorageError as error:
        raise WeightsError("the weights cannot be fetched", where=name, got=str(error)) from error
    return name, path
