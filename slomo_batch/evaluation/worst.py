"""The frames that each contender made worst, kept as pictures to be looked at.

A strip shows, from left to right: the kept frame before, the true frame, the frame that was made, the kept frame after.
Frames that were held, and not made, are left out.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.image_files import png
from slomo_batch.evaluation.report import FrameScore, place_of
from slomo_batch.evaluation.trials import Rgb, Trial
from slomo_batch.sanitize import one_line

NUM_WORST = 10
INDEX = "index.md"


@dataclass(frozen=True, slots=True, order=True)
class _Strip:
    """A frame among the worst; the heap's first is the best of them."""

    minus_db: float
    """The PSNR, negated: the best one is the first to give way."""
    minus_order: int
    """Of two alike the earlier one counts as worse."""
    place: str = field(compare=False)
    png: bytes = field(compare=False)


class Worst:
    """Collects the worst frames of each contender by PSNR, at most `num` of each."""

    def __init__(self, num: int = NUM_WORST) -> None:
        self._num = num
        self._strips: dict[str, list[_Strip]] = {}
        self._order = count()

    def offer(self, label: str, row: str, trial: Trial, made: Rgb, score: FrameScore) -> None:
        """Keep the frame if it is among the contender's worst so far.

        Args:
            label: the contender's.
            row: the clip or data set, for a person.
            trial: the pair, and the true frames.
            made: what was made of one of these, [H, W, 3].
            score: which one, and how like it is.
        """
        strips = self._strips.setdefault(label, [])
        if score.psnr_db is None or math.isinf(score.psnr_db):
            return
        if len(strips) == self._num and score.psnr_db >= -strips[0].minus_db:
            return
        truth = trial.truths[score.number - trial.first]
        shown = png(np.concatenate((trial.pair[0], truth, made, trial.pair[1]), axis=1))
        strip = _Strip(-score.psnr_db, -next(self._order), f"{row}, {place_of(score)}", shown)
        (heapq.heappush if len(strips) < self._num else heapq.heapreplace)(strips, strip)

    def write(self, folder: Path) -> None:
        """Write the strips and a page that shows them, the worst first; the folder is made.

        Raises:
            ManifestError: the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / INDEX).write_text("\n".join(self._page(folder)) + "\n")
        except OSError as error:
            raise ManifestError("cannot be written", where=str(folder), remedy=str(error.strerror)) from error

    def _page(self, folder: Path) -> Sequence[str]:
        lines = ["# The worst frames of each method", "", "Before, true, made, after."]
        for number, (label, strips) in enumerate(self._strips.items(), start=1):
            lines += ["", f"## {one_line(label)}"]
            for rank, strip in enumerate(sorted(strips, reverse=True), start=1):
                name = f"{number:02}-{rank:02}.png"
                (folder / name).write_bytes(strip.png)
                lines += ["", f"{rank}. {-strip.minus_db:.2f} dB, {one_line(strip.place)}", "", f"![]({name})"]
        return lines
