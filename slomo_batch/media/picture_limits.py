"""The largest pictures that are decoded. A few bytes of a GIF or PNG can ask for gigabytes of memory."""

from slomo_batch.errors import SourceUnsupported

MAX_SIDE_PX = 16_384
"""Greatest width and height, in pixels."""
MAX_PICTURE_PX = 1 << 27
"""Most pixels of one picture: 134,217,728, a little more than 15,360 x 8,640 (16K)."""
DECODER_OPTIONS = {"max_pixels": str(MAX_PICTURE_PX + MAX_PICTURE_PX // 16)}
"""For every decoder of pictures, which refuses larger ones than its file announces before it takes memory for them.
Decoders count whole blocks, so this is a little more than a picture may have."""


def check_picture_size(width: int, height: int, name: str) -> None:
    """Check the size of the pictures of the video `name`, in pixels; 0 x 0 if it is unknown.

    Raises:
        SourceUnsupported: a side or the whole picture is beyond the limits.
    """
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PICTURE_PX:
        raise SourceUnsupported(
            "the pictures are too large",
            where=name,
            expected=f"at most {MAX_SIDE_PX:,} pixels a side and {MAX_PICTURE_PX:,} in all",
            got=f"{width}x{height}",
            remedy="Scale the video down first, for instance with FFmpeg's scale filter.",
        )
