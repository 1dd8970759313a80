"""The methods to evaluate, each opened for every picture size it meets; one with weights once per weights file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath

from slomo_batch.errors import ObjectMissing, StorageError
from slomo_batch.interpolators import overlays
from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.method import InterpolatorSpec, MethodWeights, weights_not_fetched, weights_not_found
from slomo_batch.interpolators.registry import find_method, open_interpolator
from slomo_batch.plan.job_pin import flow_scale, has_pyramid, pyramid_levels
from slomo_batch.serialization import digest, file_sha256
from slomo_batch.settings import Doubt, Precision
from slomo_batch.steps.scratch import process_scratch
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri
from slomo_batch.wiring import locate

_AWS = S3Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodChoice:
    """A method as the user names it."""

    method: str
    weights: str = ""
    """A shipped name or a URI; empty if the method has no weights."""
    levels: int | None = None
    """Pyramid levels of the network; None: chosen by picture size, as in a job."""
    flow_scale: Fraction | None = None
    """Likewise the resolution at which motion is estimated, relative to the picture."""
    doubt: Doubt = "trust"
    """What is done where the method doubts its frames, as the setting `interpolate.doubt`."""
    label: str = ""
    """Its name in tables; empty: made of the other fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedMethod:
    """A method with its weights resolved: everything that decides its pixels except picture size and machine."""

    label: str
    """Its name in tables."""
    method: str
    weights_name: str
    weights_sha256: str
    precision: Precision
    """Of the network; fp32 for other methods."""
    threads: int
    method_version: str = ""
    """Version of the package that adds the method, and of its pixels; empty for a method of slomo_batch."""
    doubt: Doubt = "trust"
    """As the setting `interpolate.doubt`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSettings:
    """The settings that a method uses for one picture size."""

    width: int
    height: int
    flow_scale: Fraction
    pyramid_levels: int


def method_choices(methods: Sequence[str], weights: Sequence[str], levels: int | None) -> list[MethodChoice]:
    """List the methods in order, each that has weights once for each of the weights; duplicates are dropped.

    Weights of several folders whose files have one name are labeled with their whole names.

    Raises:
        ManifestError: a method cannot be used.
    """
    choices: list[MethodChoice] = []
    files = Counter(name.rpartition("/")[2] for name in dict.fromkeys(weights))
    labels = {name: name if files[name.rpartition("/")[2]] > 1 else "" for name in weights}
    for method in dict.fromkeys(methods):
        if find_method(method).method.weights is None:
            choices.append(MethodChoice(method=method))
        else:
            choices += [
                MethodChoice(method=method, weights=name, levels=levels, label=label) for name, label in labels.items()
            ]
    return choices


class OpenMethod:
    """A method that is opened for each picture size with the settings that a job would use."""

    def __init__(self, choice: MethodChoice, *, precision: Precision, threads: int, s3: S3Options = _AWS) -> None:
        """Fetch and check the weights, if they are on S3 with the options `s3`.

        Raises:
            WeightsError: the weights cannot be fetched or used.
        """
        found = find_method(choice.method)
        weights = found.method.weights
        name, original = _fetch_weights(weights, choice.weights, s3) if weights else ("", None)
        path = weights.prepare(original, _folder_of(original)) if weights and original else None
        self.entry = EvaluatedMethod(
            label=_label(choice, name),
            method=choice.method,
            weights_name=name,
            weights_sha256=file_sha256(original) if original else "",
            precision=precision if path else "fp32",
            threads=threads,
            method_version=found.version,
            doubt=choice.doubt,
        )
        self.context = max(found.method.context, overlays.CONTEXT if choice.doubt == "blend" else 0)
        self._levels, self._flow_scale = choice.levels, choice.flow_scale
        self._path = path
        self._has_pyramid = weights is not None and path is not None and has_pyramid(weights.network(path))
        self._opened: dict[tuple[Fraction, int], AnyInterpolator] = {}

    def settings_for(self, width: int, height: int) -> SizeSettings:
        """Return the settings for pictures of this size."""
        levels = self._levels or pyramid_levels(width, height)
        return SizeSettings(
            width=width,
            height=height,
            flow_scale=self._flow_scale or flow_scale(width, height),
            pyramid_levels=levels if self._has_pyramid else 1,
        )

    def interpolator(self, settings: SizeSettings) -> AnyInterpolator:
        """Return the interpolator with these settings, opened on first use."""
        key = settings.flow_scale, settings.pyramid_levels
        if key not in self._opened:
            spec = InterpolatorSpec(
                method=self.entry.method,
                weights_path=str(self._path or ""),
                precision=self.entry.precision,
                flow_scale=settings.flow_scale,
                pyramid_levels=settings.pyramid_levels,
                threads=self.entry.threads,
            )
            self._opened[key] = open_interpolator(spec)
        return self._opened[key]


def _label(choice: MethodChoice, weights_name: str) -> str:
    if choice.label:
        return choice.label
    name = weights_name.rpartition("/")[2] or choice.method
    levels = f", {choice.levels} levels" if choice.levels and weights_name else ""
    return f"{name}{levels}{'' if choice.doubt == 'trust' else f', doubt: {choice.doubt}'}"


def _fetch_weights(weights: MethodWeights, spelling: str, s3: S3Options) -> tuple[str, Path]:
    """Return the resolved name and a local file of the weights."""
    name = weights.resolve(spelling)
    shipped = weights.shipped_file(name)
    if shipped is not None:
        return name, shipped
    store, key = locate(Uri.parse(name), s3=s3)
    path = process_scratch() / f"{digest('weights', name)}{PurePosixPath(key).suffix}"
    try:
        store.get_file(key, path)
    except ObjectMissing as error:
        raise weights_not_found(name, weights) from error
    except StorageError as error:
        raise weights_not_fetched(name, error) from error
    return name, path


def _folder_of(weights: Path) -> Path:
    """Return a folder for what is made of a weights file."""
    folder = process_scratch() / f"{weights.name}.prepared"
    folder.mkdir(exist_ok=True)
    return folder
