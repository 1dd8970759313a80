"""The layouts there are, and which of them a folder has."""

from pathlib import Path

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.datasets.adobe240 import ADOBE240
from slomo_batch.evaluation.datasets.dataset import Layout
from slomo_batch.evaluation.datasets.middlebury import MIDDLEBURY
from slomo_batch.evaluation.datasets.snu_film import SNU_FILM
from slomo_batch.evaluation.datasets.ucf101 import UCF101
from slomo_batch.evaluation.datasets.vimeo90k import SEPTUPLET, TRIPLET
from slomo_batch.evaluation.datasets.x4k1000fps import X4K1000FPS
from slomo_batch.evaluation.datasets.xiph import XIPH

LAYOUTS = {
    layout.name: layout for layout in (UCF101, MIDDLEBURY, TRIPLET, SEPTUPLET, ADOBE240, SNU_FILM, XIPH, X4K1000FPS)
}


def layout_of(folder: Path) -> Layout:
    """The one layout that a folder shows the marks of.

    Raises:
        ManifestError: of none, or of several.
    """
    found = [layout for layout in LAYOUTS.values() if any(any(folder.glob(mark)) for mark in layout.marks)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(layout.name for layout in found)
        raise ManifestError(
            f"the folder looks like several data sets: {names}", where=str(folder), remedy="Name one with --layout."
        )
    marks = tuple(f"{layout.name}: {' or '.join(layout.marks)}" for layout in LAYOUTS.values())
    raise ManifestError("the folder is of no layout that is known; looked for", where=str(folder), problems=marks)
