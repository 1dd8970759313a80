"""How many slices FFV1 cuts a picture into: enough for its threads, and such that no sample is lost."""

from slomo_batch.picture import PixelFormat

FFV1_SLICES, FFV1_SLICES_LARGE, FFV1_LARGE_PX = 4, 16, 1280 * 720
"""Number of slices into which FFV1 cuts a picture, for its threads: more in pictures of at least so many pixels, and
another one where this would lose samples."""


def _ffv1_grids() -> dict[int, tuple[int, int]]:
    """Rows and columns that FFmpeg makes of a number of slices: the first that fit, columns at most twice the rows."""
    grids: dict[int, tuple[int, int]] = {}
    for rows in range(2, 9):
        for columns in range(rows, 2 * rows + 1):
            grids.setdefault(rows * columns, (rows, columns))
    return grids


_FFV1_GRIDS = _ffv1_grids()


def ffv1_slices(form: PixelFormat, width: int, height: int) -> int:
    """Number of slices that keeps every sample; 0 where none does."""
    wanted = FFV1_SLICES_LARGE if width * height >= FFV1_LARGE_PX else FFV1_SLICES
    fitting = (
        number
        for number, (rows, columns) in _FFV1_GRIDS.items()
        if _covers(height, rows, form.chroma_shift_y) and _covers(width, columns, form.chroma_shift_x)
    )
    return min(fitting, key=lambda number: abs(number - wanted), default=0)


def _covers(size: int, parts: int, shift: int) -> bool:
    """Whether the last of `parts` slices reaches the last chroma sample. FFmpeg cuts luma evenly and rounds the start
    of a slice's chroma down: where a slice starts between chroma samples, the last one can be left out."""
    start = size * (parts - 1) // parts
    return start > 0 and (start >> shift) - (-(size - start) >> shift) == -(-size >> shift)
