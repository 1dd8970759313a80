"""The registry of interpolation methods: those of slomo_batch, and those that installed packages add.

Names are read from the packages' metadata. A package is imported only when its method is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TYPE_CHECKING

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.method import InterpolatorSpec, Method
from slomo_batch.interpolators.superslomo.shipped_weights import WEIGHTS

if TYPE_CHECKING:
    from slomo_batch.interpolators.contract import AnyInterpolator

ENTRY_POINTS = "slomo_batch.interpolators"
"""The group of entry points by which packages add methods."""


# ---- the methods of slomo_batch: each is loaded when it is opened ---------------------------------------------------


def _open_duplicate(_spec: InterpolatorSpec) -> "AnyInterpolator":
    from slomo_batch.interpolators.duplicate import Duplicate  # noqa: PLC0415 loads torch

    return Duplicate()


def _open_blend(_spec: InterpolatorSpec) -> "AnyInterpolator":
    from slomo_batch.interpolators.blend import Blend  # noqa: PLC0415 loads torch

    return Blend()


def _open_mci(_spec: InterpolatorSpec) -> "AnyInterpolator":
    from slomo_batch.interpolators.mci import Mci  # noqa: PLC0415 loads PyAV

    return Mci()


def _open_flow(spec: InterpolatorSpec) -> "AnyInterpolator":
    from slomo_batch.interpolators.flow import Flow  # noqa: PLC0415 loads OpenCV

    return Flow(spec.flow_scale)


def _open_superslomo(spec: InterpolatorSpec) -> "AnyInterpolator":
    from slomo_batch.interpolators.superslomo.opening import open_superslomo  # noqa: PLC0415 loads torch

    return open_superslomo(spec)


BUILT_IN: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            name="duplicate",
            open=_open_duplicate,
            about="Frame sampling: shows the nearest source frame again. Nothing is invented, and motion stutters.",
        ),
        Method(
            name="blend",
            open=_open_blend,
            about="A cross-fade of the two source frames. Still parts are exact, and all that moves is seen twice.",
        ),
        Method(
            name="mci",
            open=_open_mci,
            context=1,
            about="Motion-compensated blocks: moves each block along its motion. Blocks tear at the edges of objects, "
            "and fine or repeating patterns jump.",
        ),
        Method(
            name="flow",
            open=_open_flow,
            has_evidence=True,
            about="Optical flow: finds the motion of every pixel and moves both source frames toward the instant. "
            "Smooth motion is followed well; what one object hides or uncovers of another is smeared.",
        ),
        Method(
            name="superslomo",
            open=_open_superslomo,
            weights=WEIGHTS,
            has_evidence=True,
            about="Super SloMo: a network estimates the flow between the frames, a second one refines it for each "
            "instant and predicts which pixels are visible in which frame. It handles uncovered background best; "
            "very fast motion, thin and repeating structures are softened or bent.",
        ),
    )
}
"""By name, the simplest first. PIXEL_REVISION is the version of their pixels."""


# ---- finding --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMethod:
    """A method of the registry."""

    method: Method
    version: str
    """Of the package that added it and of its pixels, for ids and reports; empty for a method of slomo_batch."""


def method_names() -> list[str]:
    """Return the names of all methods: those of slomo_batch, then those of other packages by name."""
    return [*BUILT_IN, *sorted(added_methods().names - BUILT_IN.keys())]


@cache
def added_methods() -> EntryPoints:
    """Return the methods that installed packages add, none imported; the metadata of all packages is read once."""
    return entry_points(group=ENTRY_POINTS)


@cache
def find_method(name: str) -> FoundMethod:
    """Find a method, and import its package.

    Raises:
        ManifestError: there is no such method here, several packages add it, or its package cannot be used.
    """
    if name in BUILT_IN:
        return FoundMethod(method=BUILT_IN[name], version="")
    points = list(added_methods().select(name=name))
    if not points:
        raise ManifestError(
            f"no interpolation method {name!r} is installed on this machine",
            remedy=f"Install the package that has it, or use {', '.join(method_names())}.",
        )
    if len(points) > 1:
        packages = " and ".join(sorted(map(_package, points)))
        raise ManifestError(f"several packages have an interpolation method {name!r}: {packages}; uninstall one")
    return _load(points[0])


def _load(point: EntryPoint) -> FoundMethod:
    try:
        method = point.load()
    except Exception as error:  # whatever the package raises
        reason = f"{type(error).__name__}: {error}"
        raise ManifestError(
            f"the interpolation method {point.name!r} of {_package(point)} cannot be imported: {reason}"
        ) from error
    if not isinstance(method, Method) or method.name != point.name:
        raise ManifestError(f"the entry point {point.name!r} of {_package(point)} is not a Method of that name")
    return FoundMethod(method=method, version=f"{_package(point)}, pixel version {method.pixel_version}")


def _package(point: EntryPoint) -> str:
    """Name and version of the package that has an entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module


def open_interpolator(spec: InterpolatorSpec) -> "AnyInterpolator":
    """Open the interpolator that the spec describes.

    The spec alone decides it, and nothing is autotuned: the same spec on the same device gives the same bits.

    Raises:
        ManifestError: see `find_method`.
        WeightsError: the weights file cannot be used.
        ValueError: flow_scale is not 1 / n.
    """
    from slomo_batch.color.streams import wait_for_device  # noqa: PLC0415 loads torch
    from slomo_batch.interpolators.contract import device_of  # noqa: PLC0415 as above
    from slomo_batch.interpolators.device import use_threads  # noqa: PLC0415 as above

    method = find_method(spec.method).method
    use_threads(spec.threads)
    opened = method.open(spec)
    wait_for_device(device_of(opened))  # its weights are there, for whatever stream a thread uses
    return opened
