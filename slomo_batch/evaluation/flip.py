"""FLIP: how much two frames seem to differ to a viewer who flips between them (Andersson et al. 2020).

The evaluator of its authors computes it (the package flip-evaluator, BSD-3-Clause). The viewer's distance is its
default: 67 pixels per degree, which is 0.7 m from a screen of 0.7 m with 3840 pixels.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.measures import MAX_VALUE, Rgb8

_PACKAGE, _MODULE = "flip-evaluator", "flip_evaluator"


class Flip:
    """The measure, by the installed package."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            ManifestError: the package is not installed.
        """
        if find_spec(_MODULE) is None:
            raise ManifestError(
                f"FLIP needs the package {_PACKAGE}, which is not installed",
                remedy=f"Install it: pip install {_PACKAGE}==1.7",
            )
        self._package: Any = import_module(_MODULE)

    def distance(self, made: Rgb8, truth: Rgb8) -> float:
        """Return the mean over the pixels of LDR-FLIP: 0 for equal frames, 1 at most."""
        reference, test = (np.ascontiguousarray(frame, np.float32) / MAX_VALUE for frame in (truth, made))
        _, mean, _ = self._package.evaluate(reference, test, "LDR", applyMagma=False)
        return float(mean)
