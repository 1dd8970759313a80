"""The source frames of a chunk: its decoded pictures, or what deinterlacing makes of them."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from slomo_batch.media.deinterlace import deinterlaced
from slomo_batch.picture import Picture
from slomo_batch.records.plans import Chunk
from slomo_batch.records.source_facts import Scan


class SourceFrames:
    """Iterates over the source frames of a chunk, in order, from number `first` on.

    `pictures` are the decoded pictures that the frames are made of (`Scan.pictures_of`), from number `first_picture`
    on. Those at the borders of the chunk are hashed before they are deinterlaced.
    """

    def __init__(
        self, pictures: Iterable[Picture], scan: Scan, chunk: Chunk, *, first: int, first_picture: int
    ) -> None:
        self._pictures = pictures
        self._scan = scan
        self._first, self._first_picture = first, first_picture
        self._borders = chunk.first_pair // scan.frames_per_picture, chunk.end_pair // scan.frames_per_picture
        self._hashes: dict[int, str] = {}

    def __iter__(self) -> Iterator[Picture]:
        pictures = self._hashed(self._pictures, self._borders)
        if not self._scan.is_interlaced:
            return pictures
        num_before = self._first - self._first_picture * self._scan.frames_per_picture
        return islice(deinterlaced(pictures, self._scan), num_before, None)

    def _hashed(self, pictures: Iterable[Picture], borders: Collection[int]) -> Iterator[Picture]:
        for number, picture in enumerate(pictures, self._first_picture):
            if number in borders:
                self._hashes[number] = picture.hash()
            yield picture

    @property
    def first_border_hash(self) -> str:
        """Hash of the decoded picture that contains the chunk's first frame; empty until it is read."""
        return self._hashes.get(self._borders[0], "")

    @property
    def last_border_hash(self) -> str:
        """Hash of the decoded picture that contains the first frame of the next chunk; empty if there is none."""
        return self._hashes.get(self._borders[1], "")
