"""The number of slices of an FFV1 picture: enough for its threads, and without losing samples."""

from slomo_batch.picture import PixelFormat

FFV1_SLICES, FFV1_SLICES_LARGE, FFV1_LARGE_PX = 4, 16, 1280 * 720
"""Preferred numbers of slices, the larger from this many pixels on. If one would lose samples, another is used."""


def _ffv1_grids() -> dict[int, tuple[int, int]]:
    """Return the rows and columns that FFmpeg uses for each number of slices: the first fit, columns at most twice."""
    grids: dict[int, tuple[int, int]] = {}
    for rows in range(2, 9):
        for columns in range(rows, 2 * rows + 1):
            grids.setdefault(rows * columns, (rows, columns))
    return grids


_FFV1_GRIDS = _ffv1_grids()


def ffv1_slices(form: PixelFormat, width: int, height: int) -> int:
    """Return a number of slices that keeps every sample; 0 if there is none."""
    wanted = FFV1_SLICES_LARGE if width * height >= FFV1_LARGE_PX else FFV1_SLICES
    fitting = (
        number
        for number, (rows, columns) in _FFV1_GRIDS.items()
        if _covers(height, rows, form.chroma_shift_y) and _covers(width, columns, form.chroma_shift_x)
    )
    return min(fitting, key=lambda number: abs(number - wanted), default=0)


def _covers(size: int, parts: int, shift: int) -> bool:
    """Return whether the last of `parts` slices contains the last chroma sample.

    FFmpeg divides luma evenly and rounds the start of a slice's chroma down. If a slice starts between chroma samples,
    the last sample can be lost.
    """
    start = size * (parts - 1) // parts
    return start > 0 and (start >> shift) - (-(size - start) >> shift) == -(-size >> shift)
