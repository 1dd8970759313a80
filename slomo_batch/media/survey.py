"""Survey a video: decode all of it once, in order, and measure its pictures. No picture is kept."""

from collections.abc import Generator, Iterable

import numpy as np
from numpy.typing import NDArray

from slomo_batch.media.av_errors import reading
from slomo_batch.media.field_matching import FieldMatching
from slomo_batch.media.planned_source import opened_as_planned
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.source_pictures import PictureConverter, SourcePicture, planned_frames
from slomo_batch.picture import Picture, Samples
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.timeline.field_measures import FieldMeasures
from slomo_batch.timeline.index import VideoIndex
from slomo_batch.timeline.scan_runs import FLAGS
from slomo_batch.timeline.survey import Survey

BLOCK_PX = 8
"""Side of the blocks in which changes are measured, in samples of a plane."""


def survey_source(
    reader: RangeReader, name: str, facts: VideoFacts, index: VideoIndex, *, max_held_frames: int, alpha: bool
) -> Generator[int, None, Survey]:
    """Survey the source `name`, decoding it as `split_decode` does. Yields the number of pictures that are measured.

    Raises:
        SourceChanged, SourceUnreadable, SourceUnsupported: as `split_decode` does.
    """
    with reading(reader, name), opened_as_planned(reader, name, facts, index) as source:
        frames = planned_frames(source, facts, index, name, max_held_frames=max_held_frames, alpha=alpha)
        convert = PictureConverter(facts, alpha=alpha, captions=False).convert
        return (yield from measured(map(convert, frames)))


def measured(pictures: Iterable[SourcePicture]) -> Generator[int, None, Survey]:
    """The survey of these pictures, which are all of a video. Yields the number of those that are measured."""
    hashes: list[int] = []
    is_held: list[bool] = []
    changes: list[tuple[float, float]] = []
    fields: list[FieldMeasures] = []
    scan_flags: list[int] = []
    field_matching = FieldMatching()
    before: Picture | None = None
    for source in pictures:
        hashes.append(int(source.picture.hash(), 16))
        is_held.append(source.is_held)
        changes.append(_change(before or source.picture, source.picture))
        fields.append(field_matching.add(source.picture))
        scan_flags.append(FLAGS.index(source.scan))
        before = source.picture
        yield len(hashes)
    block_change, mean_change = np.array(changes, dtype=np.float32).reshape(-1, 2).T
    return Survey(
        hashes=np.array(hashes, dtype=np.uint64),
        is_held=np.array(is_held, dtype=np.bool_),
        block_change=block_change,
        mean_change=mean_change,
        fields=np.array(fields, dtype=np.int64).reshape(-1, len(FieldMeasures._fields)),
        scan_flags=np.array(scan_flags, dtype=np.int8),
    )


def _change(before: Picture, picture: Picture) -> tuple[float, float]:
    """The largest mean absolute difference of a block in any plane, and that of all luma, in 8-bit levels."""
    level = 2.0 ** (8 - picture.format.bit_depth)
    if picture is before:
        return 0.0, 0.0
    planes = [_block_sums(*pair) for pair in zip(before.planes, picture.planes, strict=True)]
    largest = max(int(sums.max()) / num_samples for sums, num_samples in planes)
    sums, num_samples = planes[0]
    return level * largest, level * int(sums.sum(dtype=np.int64)) / (sums.size * num_samples)


def _block_sums(before: Samples, samples: Samples) -> tuple[NDArray[np.uint32], int]:
    """The absolute differences summed over complete blocks, exact, and the number of samples in a block.

    A plane smaller than a block counts as one.
    """
    differences = np.maximum(before, samples) - np.minimum(before, samples)
    rows, columns = (min(BLOCK_PX, length) for length in differences.shape)
    height, width = differences.shape[0] // rows, differences.shape[1] // columns
    complete = differences[: height * rows, : width * columns]
    of_columns = np.add.reduce(complete.reshape(height, rows, width * columns), axis=1, dtype=np.uint32)
    return np.add.reduce(of_columns.reshape(height, width, columns), axis=2), rows * columns
