"""The worst frames of each method, kept as pictures for inspection.

A strip shows, from left to right: the kept frame before, the true frame, the interpolated frame, the kept frame after.
Held frames are left out.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb
from slomo_batch.evaluation.image_files import encode_png
from slomo_batch.evaluation.report import FrameScore, frame_label
from slomo_batch.sanitize import one_line

NUM_WORST = 10
INDEX = "index.md"


@dataclass(frozen=True, slots=True, order=True)
class _RankedStrip:
    """One of the worst frames; the first element of the heap is the best of them."""

    minus_db: float
    """The negated PSNR: the best frame is replaced first."""
    minus_order: int
    """Of two frames with equal PSNR the earlier counts as worse."""
    label: str = field(compare=False)
    png: bytes = field(compare=False)


class WorstFrames:
    """Collects the worst frames of each method by PSNR, at most `num` of each."""

    def __init__(self, num: int = NUM_WORST) -> None:
        self._num = num
        self._strips: dict[str, list[_RankedStrip]] = {}
        self._order = count()

    def add(self, label: str, row: str, pair: EvalPair, made: Rgb, score: FrameScore) -> None:
        """Keep the frame if it is among the worst of its method so far.

        Args:
            label: the label of the method.
            row: the clip or data set, as shown on the page.
            pair: the pair and its true frames.
            made: the interpolated frame, [H, W, 3].
            score: the number and the PSNR of this frame.
        """
        strips = self._strips.setdefault(label, [])
        if score.held or score.psnr_db is None or math.isinf(score.psnr_db):
            return
        if len(strips) == self._num and score.psnr_db >= -strips[0].minus_db:
            return
        truth = pair.truths[score.number - pair.first]
        shown = encode_png(np.concatenate((pair.pair[0], truth, made, pair.pair[1]), axis=1))
        strip = _RankedStrip(-score.psnr_db, -next(self._order), f"{row}, {frame_label(score)}", shown)
        (heapq.heappush if len(strips) < self._num else heapq.heapreplace)(strips, strip)

    def write(self, folder: Path) -> None:
        """Write the strips and a Markdown page that shows them, worst first; create the folder.

        Raises:
            ManifestError: the folder cannot be created or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / INDEX).write_text("\n".join(self._page(folder)) + "\n")
        except OSError as error:
            raise ManifestError(
                "cannot write the worst frames", where=str(folder), remedy=str(error.strerror)
            ) from error

    def _page(self, folder: Path) -> Sequence[str]:
        lines = ["# The worst frames of each method", "", "Before, true, made, after."]
        for number, (label, strips) in enumerate(self._strips.items(), start=1):
            lines += ["", f"## {one_line(label)}"]
            for rank, strip in enumerate(sorted(strips, reverse=True), start=1):
                name = f"{number:02}-{rank:02}.png"
                (folder / name).write_bytes(strip.png)
                lines += ["", f"{rank}. {-strip.minus_db:.2f} dB, {one_line(strip.label)}", "", f"![]({name})"]
        return lines
