"""The registry of methods, opening interpolators from a spec, and the description of the machine."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from slomo_batch import __version__
from slomo_batch.errors import ManifestError, WeightsError
from slomo_batch.interpolators import device
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import context_of
from slomo_batch.interpolators.device import builds, device_name, supported_precision
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.interpolators.registry import BUILT_IN, find_method, method_names, open_interpolator
from tests.interpolators.other_packages import forget_found_methods, install


def test_a_spec_can_be_pickled() -> None:
    spec = InterpolatorSpec(method="superslomo", weights_path="a.safetensors", precision="bf16", pyramid_levels=4)
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_old_ways_need_no_weights() -> None:
    assert isinstance(open_interpolator(InterpolatorSpec(method="duplicate")), Duplicate)
    assert isinstance(open_interpolator(InterpolatorSpec(method="blend")), Blend)
    assert isinstance(open_interpolator(InterpolatorSpec(method="flow")), Flow)
    assert isinstance(open_interpolator(InterpolatorSpec(method="mci")), Mci)


@pytest.mark.parametrize("name", ["duplicate", "blend", "mci", "flow"])
def test_a_descriptor_states_the_context_of_its_method(name: str) -> None:
    assert find_method(name).method.context == context_of(open_interpolator(InterpolatorSpec(method=name)))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for packages, which this process imports from."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    forget_found_methods()
    yield tmp_path / "site"
    forget_found_methods()
    sys.modules.pop("slomo_tint", None)


def test_a_method_of_another_package_has_the_version_of_the_package_and_of_its_pixels(site: Path) -> None:
    assert "tint" not in method_names()
    install(site, version="1.2")
    assert method_names() == [*BUILT_IN, "echo", "tint"]
    assert find_method("tint").version == "slomo-tint 1.2, pixel version 1"
    assert {find_method(name).version for name in BUILT_IN} == {""}


def test_a_method_that_is_not_installed_is_refused_with_the_names_of_those_that_are(site: Path) -> None:
    install(site)
    with pytest.raises(ManifestError, match=r"no interpolation method 'rife' is installed.*superslomo, echo, tint"):
        find_method("rife")


@pytest.mark.parametrize(
    ("value", "source", "complaint"),
    [
        ("slomo_tint:ECHO", None, "'tint' of slomo-tint 1.0 is not a Method of that name"),
        ("slomo_tint:NO_METHOD", None, "'tint' of slomo-tint 1.0 is not a Method of that name"),
        ("slomo_tint:ABSENT", None, "'tint' of slomo-tint 1.0 cannot be imported: AttributeError: .*ABSENT"),
        ("slomo_tint:TINT", "import no_such_module", "cannot be imported: ModuleNotFoundError: .*no_such_module"),
        ("slomo_tint:TINT", "raise SystemError('no GPU')", "cannot be imported: SystemError: no GPU"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(site: Path, value: str, source: str | None, complaint: str) -> None:
    install(site, methods={"tint": value}, source=source)
    with pytest.raises(ManifestError, match=complaint):
        find_method("tint")


def test_a_name_that_two_packages_use_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site)
    other = site.with_name("other")
    install(other, name="slomo-paint", version="3.1")
    monkeypatch.syspath_prepend(str(other))
    with pytest.raises(ManifestError, match=r"several packages .*'tint': slomo-paint 3\.1 and slomo-tint 1\.0"):
        find_method("tint")


def test_a_package_cannot_replace_a_method_of_slomo_batch(site: Path) -> None:
    install(site, methods={"blend": "slomo_tint:TINT"})
    assert find_method("blend").method is BUILT_IN["blend"]
    assert method_names() == [*BUILT_IN]


def test_weights_that_are_not_there_are_named() -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        open_interpolator(InterpolatorSpec(method="superslomo", weights_path="nowhere.safetensors"))


def test_the_precision_that_auto_means_is_one_this_machine_computes() -> None:
    precision = supported_precision()
    assert precision in {"fp32", "bf16", "fp16"}
    if not torch.cuda.is_available():
        assert precision != "fp16"


def test_the_machine_is_described_by_device_and_builds() -> None:
    assert device_name().strip()
    assert torch.__version__ in builds()
    assert f"slomo-batch {__version__}; pixel revision {PIXEL_REVISION}" in builds()


def test_the_version_of_the_gpu_driver_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "device_kind", lambda: "cuda")
    monkeypatch.setattr(device, "NVIDIA_DRIVER", tmp_path / "version")
    assert "nvidia driver" not in builds.__wrapped__()
    (tmp_path / "version").write_text("550.54.15\n")
    assert "; nvidia driver 550.54.15; " in builds.__wrapped__()
