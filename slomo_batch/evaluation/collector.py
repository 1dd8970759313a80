"""FrameCollector: what looks at the predicted frames of an evaluation while they exist."""

from typing import Protocol

from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb
from slomo_batch.evaluation.report import FrameScore


class FrameCollector(Protocol):
    """Keeps what it needs of predicted frames, for pictures or a page."""

    def add(self, label: str, row: str, pair: EvalPair, made: Rgb, score: FrameScore) -> None:
        """Look at one predicted frame.

        Args:
            label: the label of the method.
            row: the clip or data set, with the factor.
            pair: the pair and its true frames.
            made: the predicted frame, [H, W, 3]; the nearest source frame if `score.held`.
            score: its number and its scores.
        """
