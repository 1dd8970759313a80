"""Weights files: valid ones are read, all others rejected with the reason, and no code in them is executed."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.contract import make_frames
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import import_checkpoint, load
from slomo_batch.serialization import file_sha256
from tests.interpolators.footage import texture
from tests.interpolators.test_inference import TIMES
from tests.interpolators.weights_files import Dangerous, public_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like SuperSloMo.ckpt, as PyTorch 0.4.1 wrote it: one pickle, no zip."""
    path = tmp_path_factory.mktemp("public") / "SuperSloMo.ckpt"
    torch.save(public_checkpoint(), path, _use_new_zipfile_serialization=False)
    return path


def test_a_public_checkpoint_is_imported_and_runs(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "imported.safetensors"
    import_checkpoint(checkpoint, target)
    weights, original = load(target), public_checkpoint()
    assert weights.network == "superslomo-paper"
    assert len(weights.tensors) == 92
    assert torch.equal(weights.tensors["fc.up1.conv2.weight"], original["state_dictFC"]["up1.conv2.weight"])
    assert torch.equal(weights.tensors["at.conv3.bias"], original["state_dictAT"]["conv3.bias"])
    with safe_open(target, framework="pt") as file:
        assert file.metadata()["network"] == "superslomo-paper"
        assert file.metadata()["source_sha256"] == file_sha256(checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["imported.safetensors"]
    model = open_interpolator(InterpolatorSpec(method="superslomo", weights_path=str(target), device="cpu"))
    assert len(list(make_frames(model, [texture(30, 40), texture(30, 40, seed=1)], TIMES[:2]))) == 2


def test_a_public_checkpoint_is_read_directly(checkpoint: Path) -> None:
    assert load(checkpoint).network == "superslomo-paper"


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_execute_code_is_rejected_and_not_executed(tmp_path: Path, *, zipped: bool) -> None:
    path, made = tmp_path / "evil.ckpt", tmp_path / "made"
    content = {"state_dictFC": {"conv1.weight": Dangerous(made)}, "state_dictAT": {}}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="could execute code"):
        load(path)
    with pytest.raises(WeightsError):
        import_checkpoint(path, tmp_path / "out.safetensors")
    assert not made.exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_a_bare_pickle_that_would_execute_code_is_refused(tmp_path: Path) -> None:
    path, made = tmp_path / "evil.ckpt", tmp_path / "made"
    path.write_bytes(pickle.dumps(Dangerous(made)))
    with pytest.raises(WeightsError):
        load(path)
    assert not made.exists()


def _small(channels: int) -> dict[str, Any]:
    """A checkpoint in which only the first convolution is there."""
    parts = {"state_dictFC": 2 * channels, "state_dictAT": 8 + 4 * channels}
    return {part: {"conv1.weight": torch.zeros(32, inputs, 7, 7)} for part, inputs in parts.items()}


def test_the_gray_checkpoint_of_v2e_is_rejected_by_name(tmp_path: Path) -> None:
    path = tmp_path / "SuperSloMo39.ckpt"
    torch.save(_small(1), path)
    with pytest.raises(WeightsError, match="v2e"):
        load(path)


def test_missing_unexpected_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    tensors = load_file(shipped_file("compact-1"))
    del tensors["fc.o.bias"]
    tensors["fc.extra"] = torch.zeros(1)
    tensors["at.o.weight"] = torch.zeros(9, 32, 3, 3)
    tensors["at.o.bias"] = torch.full((8,), torch.nan)
    tensors["at.u.0.c1.bias"] = torch.zeros(96, dtype=torch.int32)
    path = tmp_path / "odd.safetensors"
    save_file(tensors, path)
    with pytest.raises(WeightsError) as caught:
        load(path)
    for fault in (
        "fc.o.bias is missing",
        "fc.extra is unexpected",
        "at.o.weight has shape (9, 32, 3, 3) instead of (8, 32, 3, 3)",
        "at.o.bias holds values that are not finite",
        "at.u.0.c1.bias is not a tensor of real numbers",
    ):
        assert fault in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float8_e4m3fn])
def test_weights_of_any_precision_are_taken(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({key: tensor.to(dtype) for key, tensor in load_file(shipped_file("compact-1")).items()}, path)
    network = load(path).build_network()
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_checkpoint_without_most_of_its_tensors_says_how_many_more(tmp_path: Path) -> None:
    path = tmp_path / "few.ckpt"
    torch.save(_small(3), path)
    with pytest.raises(WeightsError, match=r"is missing.* and 82 more"):
        load(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither safetensors nor a PyTorch checkpoint"),
        (b"not weights at all", "."),
        (b"PK\x03\x04" + bytes(200), "neither"),
        (b"\x10\0\0\0\0\0\0\0{truncated", "incomplete or damaged safetensors file"),
        (pickle.dumps([1, 2, 3]), "."),
    ],
)
def test_other_files_are_refused_with_a_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_damaged_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    data = checkpoint.read_bytes()[:100_000]
    for number, damaged in enumerate((data, data[:2000], data[:20] + b"\xff\x00" * 40 + data[100:])):
        path = tmp_path / f"damaged-{number}.ckpt"
        path.write_bytes(damaged)
        with pytest.raises(WeightsError):
            load(path)


def test_other_checkpoints_are_rejected_with_their_keys(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.zeros(1)}, "step": 5}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="got model, step"):
        load(tmp_path / "other.pt")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="no supported network"):
        load(tmp_path / "other.safetensors")


def test_a_missing_file_and_an_unusable_target_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read the weights"):
        load(tmp_path / "none.ckpt")
    with pytest.raises(WeightsError, match="cannot write the weights"):
        import_checkpoint(shipped_file("compact-1"), tmp_path / "no-folder" / "out.safetensors")


def test_compact_resolves_to_the_newest_shipped_version() -> None:
    assert resolve_name("compact") == [name for name in shipped_names() if name.startswith("compact-")][-1]
    assert resolve_name("matched") == "matched-4"
    assert resolve_name("compact-1") == "compact-1"
    assert shipped_file("compact-1").is_file()


EVER_SHIPPED = {
    "compact-1": "c6ea05896f5c2009baa7b13b8e9778711560e162f3febb6f07447d1b403a7dd4",
    "compact-2": "9ba63052477a8393d6fedf7217e787e282c3b34cc24a16e9b23855ab4327ad6c",
    "compact-3": "076582c20588e46de281a24a42a610c7926b103faa82490ef0c51406dcce6d1b",
    "matched-1": "54f0133f07e703dad9ac33a7f4e5ffd003c42b4852d4ce6712272dd3aedf2c07",
    "matched-2": "c4731f21cae9c15a258ad13126884b9d5b1e9178dbac2535d0d621be406ad276",
    "matched-3": "85ab6c82a03e2b492cb6ff74395e10ae608e236f90b98dd994c4157e05d36f45",
    "matched-4": "c11e621e427f231c9dcdef5ce0fbf25ace98b8fe4825257e38d386645e7bd2dd",
}
"""SHA-256 of each file. Jobs pin a name and a hash, and resume with those very weights."""


def test_weights_that_were_ever_shipped_stay_in_the_package_unchanged() -> None:
    for name, sha256 in EVER_SHIPPED.items():
        assert file_sha256(shipped_file(name)) == sha256, name
    assert set(shipped_names()) == set(EVER_SHIPPED), "new weights have a new name, and stay from now on: list them"


def test_weights_are_loaded_without_loading_a_compiler() -> None:
    """Which takes two seconds of the start of every worker."""
    code = (
        "import sys\n"
        "from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names\n"
        "from slomo_batch.interpolators.superslomo.weights import load\n"
        "for name in shipped_names():\n"
        "    load(shipped_file(name)).build_network()\n"
        "print([name for name in sys.modules if name.startswith('torch._dynamo')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    "uri", ["s3://bucket/a.safetensors", "/data/SuperSloMo.ckpt", "mine.safetensors", "file:///x/y"]
)
def test_a_uri_resolves_to_itself(uri: str) -> None:
    assert resolve_name(uri) == uri


def test_an_unknown_name_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(WeightsError, match="compact, matched, compact-1"):
        resolve_name("compcat")
    with pytest.raises(WeightsError, match="compact-1"):
        shipped_file("compact-99")
