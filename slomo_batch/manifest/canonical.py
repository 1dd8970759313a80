"""A manifest spelled out: the same job as one line of text, for a machine with other defaults, folders and files.

What was left to defaults is written, and places are absolute; only what means something by being absent stays so. Read
with its `settings` as --set, the text gives a manifest that asks for the same videos, made the same way, on the
cluster where it is read.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.values import names_weights_file


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalManifest:
    """A manifest as it travels."""

    text: str
    """One line of JSON that is YAML as well."""
    settings: tuple[str, ...]
    """What goes over every input and row, each like encode.codec=ffv1."""


def canonical_manifest(manifest: Manifest, absolute: Callable[[str], str]) -> CanonicalManifest:
    """Spell a judged manifest out. `absolute` makes a place of this machine absolute, and leaves others as they are."""
    data = manifest.model_dump(mode="json", by_alias=True, exclude={"inputs"})
    if "gpus_per_worker" not in manifest.cluster.model_fields_set:
        del data["cluster"]["gpus_per_worker"]  # absent, it does not insist on GPUs
    data["cluster"]["address"] = "auto"  # the cluster that it is sent to
    data["inputs"] = [spec.model_dump(mode="json", by_alias=True, exclude_unset=True) for spec in manifest.inputs]
    data["work"] = absolute(data["work"])
    data["output"]["uri"] = absolute(data["output"]["uri"])
    for spec in data["inputs"]:
        spec |= {key: absolute(spec[key]) for key in ("uri", "table") if spec.get(key)}
    over = manifest.overrides.model_dump(mode="json", exclude_unset=True)
    for layer in (data, *data["inputs"], over):
        _make_weights_absolute(layer, absolute)
    settings = tuple(f"{path}={_line(value)}" for path, value in sorted(_leaves(over)))
    return CanonicalManifest(text=_line(_without_empty(data)), settings=settings)


def local_paths(manifest: Manifest) -> list[str]:
    """The places that the manifest names on a disk rather than on S3, as they are written there."""
    layers = [manifest, *manifest.inputs, manifest.overrides]
    weights = [layer.interpolate.weights for layer in layers if "interpolate" in layer.model_fields_set]
    named = [uri for spec in manifest.inputs for uri in (spec.uri, spec.table)]
    places = [*named, manifest.output.uri, manifest.work, *(each for each in weights if names_weights_file(each))]
    return [place for place in dict.fromkeys(places) if place and not place.startswith("s3://")]


def _make_weights_absolute(layer: dict[str, Any], absolute: Callable[[str], str]) -> None:
    section = layer.get("interpolate", {})
    if names_weights_file(section.get("weights", "")):
        section["weights"] = absolute(section["weights"])


def _without_empty(value: Any) -> Any:
    """The same without entries that say nothing; an empty one counts as absent anyway."""
    if isinstance(value, Mapping):
        kept = {key: _without_empty(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in ("", None, {}, [])}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value


def _leaves(data: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _line(value: Any) -> str:
    """JSON in one line, which YAML reads to the same characters: what YAML takes for a line's end or for no text at
    all is escaped, letters stay."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(character if character.isprintable() else _escaped(ord(character)) for character in text)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
