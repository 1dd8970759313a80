"""The manifest that stands for one video and no manifest: the names of its places are taken literally."""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from slomo_batch.manifest.load import Override, build
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.yaml_tree import Tree


def single(source: str, output: str, *, settings: Sequence[str], flags: Sequence[Override]) -> Manifest:
    """The manifest of a `convert`, judged like any other.

    Args:
        source: a path or URI, whatever characters it holds.
        output: likewise; its suffix decides the container.
        settings: as `--set` spells them.
        flags: settings that have an option of their own.

    Raises:
        ManifestError: with every fault, named by what the person wrote.
    """
    data = {
        "version": "1",
        "name": _name(source, output),
        "inputs": [{"uri": re.sub(r"([*?\[])", r"[\1]", source)}],
        "output": {"uri": output.replace("{", "{{").replace("}", "}}")},
        "cluster": {"address": "inline"},
    }
    labels: dict[tuple[str | int, ...], str] = {("inputs",): f"IN {source}", ("output",): f"OUT {output}"}
    return build(Tree(data=data, labels=labels), where="convert", settings=settings, flags=flags)


def _name(source: str, output: str) -> str:
    """One and the same for one pair of places, so that a second call finishes what the first began."""
    places = "\n".join(place if "://" in place else str(Path(place).absolute()) for place in (source, output))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(source).stem)[:40].strip("-")
    return f"convert-{stem}-{sha256(os.fsencode(places)).hexdigest()[:10]}"
