"""Pictures of several sizes in one video, as in joined clips, screen shares and broadcasts."""

from collections.abc import Sequence
from dataclasses import dataclass

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.picture_limits import check_picture_size
from slomo_batch.records.source_facts import Scan

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class PictureSizes:
    """The size of the output's pictures, and the other sizes, which are fitted into it."""

    main: Size
    fitted: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """A note, if there are other sizes."""
        if not self.fitted:
            return ()
        plural = "s" * (len(self.fitted) > 1)
        which = f"pictures of the size{plural} {', '.join(self.fitted)} are scaled to fit {_text(self.main)}"
        return (f"the picture size changes midway: {which}, with black beside them if their shape differs",)


def picture_sizes(sizes: Sequence[Size], scan: Scan, name: str) -> PictureSizes:
    """Choose the largest size, of several equally large ones the first. `sizes` are in the order of the pictures.

    Raises:
        SourceUnsupported: a size exceeds its limit, or sizes change in an interlaced video; the message calls it
            `name`.
    """
    for width, height in sizes:
        check_picture_size(width, height, name)
    main = max(sizes, key=lambda size: size[0] * size[1])
    fitted = tuple(_text(size) for size in sizes if size != main)
    if fitted and scan.is_interlaced:
        raise SourceUnsupported(
            "not yet supported: the size of interlaced pictures changes midway",
            where=name,
            expected=_text(sizes[0]),
            got=_text(sizes[1]),
            remedy="Cut the file there, and convert its parts separately.",
        )
    return PictureSizes(main, fitted)


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
