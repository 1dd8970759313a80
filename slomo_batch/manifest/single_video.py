"""The manifest of a single `convert`. Its paths are literal: they have no wildcards and no placeholders."""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from slomo_batch.manifest.literal import LiteralLocation
from slomo_batch.manifest.load import CONVERT, Override, build
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.yaml_tree import Tree


def single(source: str, output: str, *, settings: Sequence[str], flags: Sequence[Override]) -> Manifest:
    """Build and validate the manifest of a `convert`.

    Args:
        source: a path or URI, taken literally.
        output: likewise; its suffix selects the container.
        settings: the values of --set, such as "encode.codec=ffv1".
        flags: the settings that have their own option.

    Raises:
        ManifestError: a setting is invalid; `problems` names each argument as typed.
    """
    data = {
        "version": "1",
        "name": _name(source, output),
        "inputs": [{"uri": LiteralLocation(source)}],
        "output": {"uri": LiteralLocation(output), "sidecar": False},
        "cluster": {"address": "inline"},
    }
    labels: dict[tuple[str | int, ...], str] = {("inputs",): f"IN {source}", ("output",): f"OUT {output}"}
    return build(Tree(data=data, labels=labels), where=CONVERT, settings=settings, flags=flags)


def _name(source: str, output: str) -> str:
    """Return the job name: the same for the same source and output, so that a second call resumes the first."""
    paths = "\n".join(path if "://" in path else str(Path(path).absolute()) for path in (source, output))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(source).stem)[:40].strip("-")
    return f"convert-{stem}-{sha256(os.fsencode(paths)).hexdigest()[:10]}"
