"""The supported data sets, and which of them a folder contains."""

from pathlib import Path

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.datasets.adobe240 import ADOBE240
from slomo_batch.evaluation.datasets.dataset import Dataset
from slomo_batch.evaluation.datasets.middlebury import MIDDLEBURY
from slomo_batch.evaluation.datasets.snu_film import SNU_FILM
from slomo_batch.evaluation.datasets.ucf101 import UCF101
from slomo_batch.evaluation.datasets.vimeo90k import SEPTUPLET, TRIPLET
from slomo_batch.evaluation.datasets.x4k1000fps import X4K1000FPS
from slomo_batch.evaluation.datasets.xiph import XIPH

DATASETS = {
    dataset.name: dataset for dataset in (UCF101, MIDDLEBURY, TRIPLET, SEPTUPLET, ADOBE240, SNU_FILM, XIPH, X4K1000FPS)
}


def detect_dataset(folder: Path) -> Dataset:
    """Detect the data set in a folder from its marker files.

    Raises:
        ManifestError: no data set matches, or several do.
    """
    found = [dataset for dataset in DATASETS.values() if any(any(folder.glob(mark)) for mark in dataset.markers)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(dataset.name for dataset in found)
        raise ManifestError(
            f"the folder matches several data sets: {names}", where=str(folder), remedy="Select one with --layout."
        )
    markers = tuple(f"{dataset.name}: {' or '.join(dataset.markers)}" for dataset in DATASETS.values())
    raise ManifestError("not a known data set; none of these files exists", where=str(folder), problems=markers)
