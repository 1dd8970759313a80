"""Limits on the size of decoded pictures: a few bytes of a GIF or PNG can request gigabytes of memory."""

from slomo_batch.errors import SourceUnsupported

MAX_SIDE_PX = 16_384
"""Maximum width and height, in pixels."""
MAX_PICTURE_PX = 1 << 27
"""Maximum number of pixels of one picture: 134,217,728, slightly more than 15,360 x 8,640 (16K)."""
DECODER_OPTIONS = {"max_pixels": str(MAX_PICTURE_PX + MAX_PICTURE_PX // 16)}
"""Options for every video decoder, so that FFmpeg refuses larger pictures before it allocates memory for them. FFmpeg
counts whole blocks, so this limit is slightly above MAX_PICTURE_PX."""


def check_picture_size(width: int, height: int, name: str) -> None:
    """Check the picture size of the video `name`, in pixels; 0 x 0 means unknown.

    Raises:
        SourceUnsupported: a side or the number of pixels exceeds its limit.
    """
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PICTURE_PX:
        raise SourceUnsupported(
            "the pictures are too large",
            where=name,
            expected=f"at most {MAX_SIDE_PX:,} pixels per side and {MAX_PICTURE_PX:,} in total",
            got=f"{width}x{height}",
            remedy="Scale the video down first, for instance with FFmpeg's scale filter.",
        )
