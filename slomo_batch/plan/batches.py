"""How many frames of a pair a network makes at once, as the pixels of a batch.

It is part of the numeric class, since a convolution of another size may round differently. So it depends on nothing
that a machine measures: a job pins the rule, a video's plan the number, and free memory decides only how many pairs are
made at once. Without a GPU, and in jobs of earlier versions, it is `FIRST_BATCH_PX`.
"""

from collections.abc import Mapping

from slomo_batch.records.plans import FIRST_BATCH_PX

GPU_BATCH_PX: Mapping[str, int] = {
    "superslomo-guided": 1 << 24,
    "superslomo-matched": 1 << 24,
    "superslomo-compact": 1 << 22,
    "superslomo-paper": 1 << 21,
}
"""By network: pixels of a batch on a GPU. With its memory for each pixel (`bytes_per_px`), a batch takes about 4 GiB:
eight frames of 1920x1080 with the guided and the matched network, two with the first compact one, and one with the
paper's. Chosen by this arithmetic, not measured on a GPU."""


def batch_px(network: str, *, for_gpu: bool) -> int:
    """Return the pixels of a batch of a network; `for_gpu` is the rule that the job pinned."""
    return GPU_BATCH_PX.get(network, FIRST_BATCH_PX) if for_gpu else FIRST_BATCH_PX
