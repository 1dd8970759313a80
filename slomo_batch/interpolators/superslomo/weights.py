"""Read and validate weights files, and convert the public checkpoint to safetensors.

A file is validated completely before use: it must contain every tensor of the network, with the right shape, and
nothing else. The network is identified by the content (the name in the header, else the keys), not by the file name.
The header of a safetensors file also states how the prior flow is found, or at how many scales `matched` looks for
flow and whether it keeps edges; without it, all are as they were for compact-3 and matched-1.
Pickles are read with torch's weights-only loader, which refuses any other function call.
"""

import datetime as dt
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.pickles import read_pickle
from slomo_batch.interpolators.superslomo.compact import TRAINED_LEVELS, Compact
from slomo_batch.interpolators.superslomo.guided import Guided, UNetShape
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.prior import FIRST, NO_PRIOR, PriorSearch
from slomo_batch.serialization import file_sha256, parse_json, to_record
from slomo_batch.settings import NetworkName

CHECKPOINT_PARTS = {"fc": "state_dictFC", "at": "state_dictAT"}
"""Keys of the two nets in the public checkpoint (train.py of the reference)."""

PRIOR_KEY = "prior"
"""The entry of a safetensors header that states the search for the prior flow: a PriorSearch, as JSON."""
SCALES_KEY = "num_scales"
"""The entry that states at how many scales `matched` looks for flow; without it, at one."""
MAX_SCALES = 8
SCALES = tuple(str(number) for number in range(1, MAX_SCALES + 1))
EDGES_KEY = "keeps_edges"
"""The entry `true` states that `matched` propagates flow, see there; without it, it does not."""

_numpy_scalar: Any = np.float64(0).__reduce__()[0]
_SAFE_GLOBALS: list[Any] = [
    dt.datetime,
    _numpy_scalar,
    (_numpy_scalar, "numpy.core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
]
"""Types in the public checkpoint beside tensors: its date and its losses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWeights:
    """The validated weights of one network."""

    network: NetworkName
    tensors: Mapping[str, Tensor]
    """By key; `fc.` is the flow computation net, `at.` the second net."""
    prior: PriorSearch = NO_PRIOR
    """How the prior flow is found that the network starts from; only `superslomo-guided` has one."""
    num_scales: int = 1
    """At how many scales `superslomo-matched` looks for flow."""
    keeps_edges: bool = False
    """Whether `superslomo-matched` propagates flow."""

    def build_network(self, *, pyramid_levels: int = TRAINED_LEVELS) -> Paper | Compact | Guided | Matched:
        """Build the network with these weights; only `superslomo-compact` uses `pyramid_levels`."""
        network: Paper | Compact | Guided | Matched
        if self.network == "superslomo-matched":
            network = Matched(self.num_scales, keeps_edges=self.keeps_edges)
        else:
            network = _empty_network(self.network, UNetShape.of(self.tensors), pyramid_levels, self.prior)
        network.load_state_dict(self.tensors)
        return network


# ---- reading ---------------------------------------------------------------------------------------------------------


def load(path: Path) -> LoadedWeights:
    """Load the weights in a .safetensors file or a public .ckpt.

    Raises:
        WeightsError: the file is unreadable, unsafe, or not exactly the weights of a supported network.
    """
    if _is_safetensors(path):
        tensors, header = _read_safetensors(path)
    else:
        tensors, header = _read_checkpoint(path), {}
    network = _identify_network(tensors, header.get("network", ""), path)
    _validate(tensors, network, path)
    return LoadedWeights(
        network=network,
        tensors=tensors,
        prior=_prior(header, network, path),
        num_scales=int(_stated(header, SCALES_KEY, SCALES, network, path)),
        keeps_edges=_stated(header, EDGES_KEY, ("false", "true"), network, path) == "true",
    )


def describe(path: Path) -> list[str]:
    """Return lines that say what the weights in a file are.

    Raises:
        WeightsError: as `load`.
    """
    weights = load(path)
    return [
        f"file: {path}",
        f"SHA-256: {file_sha256(path)}",
        f"network: {weights.network}",
        f"parameters: {sum(tensor.numel() for tensor in weights.tensors.values())}",
        f"prior flow: {weights.prior}",
        *(_description_of_matched(weights) if weights.network == "superslomo-matched" else []),
    ]


def _description_of_matched(weights: LoadedWeights) -> list[str]:
    return [f"scales: {weights.num_scales}", f"keeps edges: {'yes' if weights.keeps_edges else 'no'}"]


def import_checkpoint(source: Path, target: Path) -> None:
    """Convert a public checkpoint to a .safetensors file, written atomically.

    Raises:
        WeightsError: as `load`, or the target cannot be written.
    """
    weights = load(source)
    tensors = {key: tensor.contiguous() for key, tensor in weights.tensors.items()}
    metadata = {"format": "pt", "network": weights.network, "source": source.name, "source_sha256": file_sha256(source)}
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".importing-") as folder:
            save_file(tensors, Path(folder) / target.name, metadata)
            os.replace(Path(folder) / target.name, target)  # noqa: PTH105 replaces on every system
    except (OSError, SafetensorError) as error:
        raise WeightsError("cannot write the weights", where=str(target), got=str(error)) from error


def _is_safetensors(path: Path) -> bool:
    """Return whether the file starts like safetensors: 8 bytes of header length, then a brace."""
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError as error:
        raise WeightsError("cannot read the weights", where=str(path), got=error.strerror or str(error)) from error


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors, and the entries of the header."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            return {key: file.get_tensor(key) for key in file.keys()}, header  # noqa: SIM118 not a mapping
    except (OSError, SafetensorError) as error:
        raise WeightsError("incomplete or damaged safetensors file", where=str(path), got=str(error)) from error


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    content = read_pickle(path, message="neither safetensors nor a PyTorch checkpoint", safe_globals=_SAFE_GLOBALS)
    return _merge_state_dicts(content, path)


def _merge_state_dicts(content: object, path: Path) -> dict[str, Tensor]:
    """Merge the two state dicts of the public checkpoint, with prefixed keys."""
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), dict) for key in CHECKPOINT_PARTS.values()
    ):
        found = ", ".join(sorted(map(str, content))) if isinstance(content, dict) else type(content).__name__
        raise WeightsError(
            "not a Super SloMo checkpoint", where=str(path), expected="state_dictFC and state_dictAT", got=found
        )
    return {
        f"{prefix}.{key}": tensor for prefix, part in CHECKPOINT_PARTS.items() for key, tensor in content[part].items()
    }


# ---- validating ------------------------------------------------------------------------------------------------------


def _prior(header: Mapping[str, str], network: NetworkName, path: Path) -> PriorSearch:
    """Return how the header says that the prior flow is found."""
    stated = header.get(PRIOR_KEY)
    if network != "superslomo-guided":
        if stated is not None:
            raise WeightsError(
                f"{network} starts from no prior flow, but the header of its weights has an entry `{PRIOR_KEY}`",
                where=str(path),
                remedy="Remove the entry.",
            )
        return NO_PRIOR
    if stated is None:
        return FIRST
    try:
        search = to_record(PriorSearch, parse_json(stated.encode()))
        problems = [f"{name} {text}" for name, text in search.problems()]
    except ValueError as error:
        problems = [str(error)]
    if problems:
        raise WeightsError(
            f"invalid entry `{PRIOR_KEY}` in the header: {'; '.join(problems)}",
            where=str(path),
            got=stated,
            remedy="Correct the entry, or use a newer slomo_batch if that wrote it.",
        )
    return search


def _stated(header: Mapping[str, str], key: str, known: Sequence[str], network: NetworkName, path: Path) -> str:
    """Return what the header of weights of `matched` states, one of `known`; the first of them if it states nothing."""
    stated = header.get(key)
    if stated is None:
        return known[0]
    known = known if network == "superslomo-matched" else ()
    if stated not in known:
        raise WeightsError(
            f"invalid entry `{key}` in the header of weights of {network}",
            where=str(path),
            expected=" or ".join(known) or "no such entry",
            got=stated,
            remedy="Correct the entry, or use a newer slomo_batch if that wrote it.",
        )
    return stated


def _empty_network(
    name: NetworkName,
    shape: UNetShape,
    pyramid_levels: int = TRAINED_LEVELS,
    prior: PriorSearch = FIRST,
) -> Paper | Compact | Guided | Matched:
    """Build a network without weights. `guided` alone uses `shape` and `prior`."""
    match name:
        case "superslomo-paper":
            return Paper()
        case "superslomo-compact":
            return Compact(pyramid_levels)
        case "superslomo-guided":
            return Guided(shape, prior)
        case "superslomo-matched":
            return Matched()


@cache
def _expected(network: NetworkName, shape: UNetShape) -> dict[str, torch.Size]:
    """Return the key and shape of every tensor of a network."""
    with torch.device("meta"):
        return {key: tensor.shape for key, tensor in _empty_network(network, shape).state_dict().items()}


_DISTINCTIVE_KEYS: dict[str, NetworkName] = {
    "fc.conv1.weight": "superslomo-paper",
    "fc.c0.0.weight": "superslomo-compact",
}
"""Keys that identify the network of files without a name in the header."""


def _identify_network(tensors: Mapping[str, Tensor], named: str, path: Path) -> NetworkName:
    names: tuple[NetworkName, ...] = get_args(NetworkName)
    for known in names:
        if known == named:
            return known
    for key, network in _DISTINCTIVE_KEYS.items():
        if key in tensors:
            return network
    raise WeightsError(
        "the weights belong to no supported network",
        where=str(path),
        expected=" or ".join(names),
        got=f"keys {', '.join(sorted(tensors)[:3])}, ..." if tensors else "no tensors",
    )


def _validate(tensors: Mapping[str, Tensor], network: NetworkName, path: Path) -> None:
    first = tensors.get("fc.conv1.weight")
    if network == "superslomo-paper" and isinstance(first, Tensor) and first.ndim == 4 and first.shape[1] == 2:
        raise WeightsError(
            "a Super SloMo checkpoint for gray pictures (one channel, as in v2e)",
            where=str(path),
            expected="3 channels per picture",
            got="1",
            remedy="Use the RGB checkpoint of the reference implementation.",
        )
    differences = _differences(tensors, _expected(network, UNetShape.of(tensors)))
    if differences:
        more = f" and {len(differences) - MAX_LISTED} more" if len(differences) > MAX_LISTED else ""
        raise WeightsError(
            f"not the weights of {network}: {'; '.join(differences[:MAX_LISTED])}{more}",
            where=str(path),
            remedy="Use a file made for this network.",
        )


MAX_LISTED = 8


def _differences(tensors: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> list[str]:
    """Return every difference of the tensors from those expected."""
    differences = [f"{key} is missing" for key in expected if key not in tensors]
    differences += [f"{key} is unexpected" for key in tensors if key not in expected]
    for key in expected.keys() & tensors.keys():
        tensor, shape = tensors[key], expected[key]
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            differences.append(f"{key} is not a tensor of real numbers")
        elif tensor.shape != shape:
            differences.append(f"{key} has shape {tuple(tensor.shape)} instead of {tuple(shape)}")
        elif not bool(torch.isfinite(tensor.float()).all()):
            differences.append(f"{key} holds values that are not finite")
    return sorted(differences)
