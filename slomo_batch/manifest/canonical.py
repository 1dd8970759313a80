"""The canonical form of a manifest: one line of text that describes the same job on another machine.

Defaults are written out and paths are absolute. A key is left out only if its absence has a meaning. Loaded with its
`settings` as --set, the text gives a manifest with the same videos and settings, for the cluster where it is loaded.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slomo_batch.interpolators.method import names_weights_file
from slomo_batch.manifest.schema import Manifest
from slomo_batch.settings import VideoSettings
from slomo_batch.storage.glob import absolute_glob
from slomo_batch.uri import S3_SCHEME, absolute_template, normalize


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalManifest:
    """A manifest that can be sent to another machine."""

    text: str
    """One line of JSON that is also YAML."""
    settings: tuple[str, ...]
    """Settings that override every input and row, such as encode.codec=ffv1."""


def canonical_manifest(manifest: Manifest, base: Path | None = None) -> CanonicalManifest:
    """Return the canonical form of a manifest. Relative paths start from `base`, by default the current directory."""
    data = manifest.model_dump(mode="json", by_alias=True, exclude={"inputs"})
    data["cluster"]["address"] = "auto"  # the cluster that receives it
    data["inputs"] = [spec.model_dump(mode="json", by_alias=True, exclude_unset=True) for spec in manifest.inputs]
    data["work"] = normalize(data["work"], base)
    data["output"]["uri"] = absolute_template(data["output"]["uri"], base)
    for spec in data["inputs"]:
        if spec.get("table"):
            spec["table"] = normalize(spec["table"], base)
        else:
            spec["uri"] = absolute_glob(spec["uri"], base)
    over = manifest.overrides.model_dump(mode="json", exclude_unset=True)
    for layer in (data, *data["inputs"], over):
        _make_weights_absolute(layer, base)
    settings = tuple(f"{path}={_line(value)}" for path, value in sorted(_leaves(over)))
    return CanonicalManifest(text=_line(_without_empty(data)), settings=settings)


def local_paths(manifest: Manifest) -> list[str]:
    """Return the local paths in the manifest, as they are written: everything that is not on S3."""
    layers = [manifest, *manifest.inputs, manifest.overrides]
    weights = [layer.record(VideoSettings).interpolate.weights for layer in layers]
    named = [uri for spec in manifest.inputs for uri in (spec.uri, spec.table)]
    paths = [*named, manifest.output.uri, manifest.work, *(each for each in weights if names_weights_file(each))]
    return [path for path in dict.fromkeys(paths) if path and not path.startswith(S3_SCHEME)]


def _make_weights_absolute(layer: dict[str, Any], base: Path | None) -> None:
    section = layer.get("interpolate", {})
    if names_weights_file(section.get("weights", "")):
        section["weights"] = normalize(section["weights"], base)


def _without_empty(value: Any) -> Any:
    """Return the same without empty entries, which count as absent."""
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
    """Format a value as one line of JSON that YAML reads to the same text.

    Characters that YAML reads as line ends or does not accept are escaped; printable ones are kept.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(character if character.isprintable() else _escaped(ord(character)) for character in text)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
