"""The manifest of a single `convert`. Its paths are literal: they have no wildcards and no placeholders.

Its work place is the state folder of the user, if that is on the volume of the output. Otherwise it is beside the
output, as for a manifest: the disk of the output is the one that has room for it.
"""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.literal import LiteralLocation
from slomo_batch.manifest.load import CONVERT, Override, build
from slomo_batch.manifest.output_names import WORK_FOLDER
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.yaml_tree import Tree
from slomo_batch.storage.state_folder import is_same_volume, state_folder
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri


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
    name = _name(source, output)
    data = {
        "version": "1",
        "name": name,
        "inputs": [{"uri": LiteralLocation(source)}],
        "output": {"uri": LiteralLocation(output), "sidecar": False},
        "work": _work(output, name),
        "cluster": {"address": "inline"},
    }
    labels: dict[tuple[str | int, ...], str] = {("inputs",): f"IN {source}", ("output",): f"OUT {output}"}
    return build(Tree(data=data, labels=labels), where=CONVERT, settings=settings, flags=flags)


def _name(source: str, output: str) -> str:
    """Return the job name: the same for the same source and output, so that a second call resumes the first."""
    paths = "\n".join(path if "://" in path else str(Path(path).absolute()) for path in (source, output))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(source).stem)[:40].strip("-")
    return f"convert-{stem}-{sha256(os.fsencode(paths)).hexdigest()[:10]}"


def is_conversion(name: str) -> bool:
    """Return whether a job's name is one that `single` gives."""
    return re.fullmatch(r"convert-[A-Za-z0-9_-]*-[0-9a-f]{10}", name) is not None


def _work(output: str, name: str) -> str:
    """Return the work place; empty for the folder beside the output. A job that was begun there is finished there."""
    state = state_folder()
    try:
        target = Uri.parse(output)
        if state is None or not target.is_local:
            return ""
        begun_beside = Path(target).parent / WORK_FOLDER / Layout(name).root
        is_beside = begun_beside.exists() or not is_same_volume(Path(target), state)
    except (ManifestError, OSError, ValueError):  # an impossible name, which validation reports
        return ""
    return "" if is_beside else str(state)
