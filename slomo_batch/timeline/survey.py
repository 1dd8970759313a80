"""Survey: what was measured when a whole video was decoded once, in order. A row per decoded picture.

A survey holds measurements only. What follows from them (which source frames there are, and when each is shown) is
decided by pure functions of the packet index and the survey, so that it can be tested with arrays alone.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """The measurements of one video. All columns have a row for each presented picture of the index, in order."""

    hashes: NDArray[np.uint64]
    """Hash of each picture, as at the borders of chunks (`Picture.hash`)."""
    is_held: NDArray[np.bool_]
    """True for a copy of a neighbor, in place of a picture that cannot be decoded."""
    block_change: NDArray[np.float32]
    """Largest mean absolute difference of a block from the picture before, in any plane, in 8-bit levels. 0 in the
    first row."""
    mean_change: NDArray[np.float32]
    """Mean absolute difference of luma from the picture before, in 8-bit levels. 0 in the first row."""
    fields: NDArray[np.int64]
    """The `FieldMeasures` of each picture, which tell how its fields belong together."""
    scan_flags: NDArray[np.int8]
    """The scan flag of each picture, as its number in `scan_runs.FLAGS`."""

    def __post_init__(self) -> None:
        columns = [getattr(self, column.name) for column in fields(self)]
        lengths = {len(column) for column in columns}
        if len(lengths) != 1:
            raise ValueError(f"columns of a survey differ in length: {sorted(lengths)}")
        for column in columns:
            column.flags.writeable = False

    @property
    def num_pictures(self) -> int:
        """Number of presented pictures."""
        return len(self.hashes)
