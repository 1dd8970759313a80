"""ReadAhead: fetch the next blocks of an object in threads while its blocks are read in order.

A store answers one request after some 30 ms, however fast the network is, so a single stream of requests gets 20 to 30
MB/s from S3. Each block is requested once, as without it: only blocks after the last one read, if there are any left
when reading stops or jumps, are requested in vain.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

_GROWTH = 2
"""Number of blocks by which the window grows with each block read in order."""
_KEPT = 2
"""Requested blocks kept, as a multiple of the window: those of two places, between which reading jumps."""


class ReadAhead:
    """Blocks that were requested ahead. Its threads end with the `with` block."""

    def __init__(self, fetch: Callable[[int], bytes], num_blocks: int, *, max_ahead: int) -> None:
        """Fetch blocks by `fetch(number)`, at most `max_ahead` at a time; there are `num_blocks`."""
        self._fetch = fetch
        self._num_blocks = num_blocks
        self._max_ahead = max_ahead
        self._requested: dict[int, Future[bytes]] = {}
        self._last = -1
        self._num_in_order = 0
        self._threads = ThreadPoolExecutor(max_ahead, thread_name_prefix="read-ahead")

    def block(self, number: int) -> bytes:
        """Return a block, and request those after it if blocks are read in order.

        Raises:
            Exception: what `fetch` raised for this block. Errors of blocks that are never read are ignored.
        """
        self._num_in_order = self._num_in_order + 1 if number == self._last + 1 else 1
        self._last = number
        if self._num_in_order == 1:
            self._cancel()
        requested = self._requested.pop(number, None)
        # Files are opened by reading a block or two at their start and end: nothing is requested ahead for that.
        self._request(number + 1, min(self._max_ahead, _GROWTH * (self._num_in_order - 2)))
        return self._fetch(number) if requested is None else requested.result()

    def _request(self, first: int, number: int) -> None:
        """Request `number` blocks from `first` on."""
        window = range(first, min(first + number, self._num_blocks))
        for place in window:
            if place not in self._requested:
                self._requested[place] = self._threads.submit(self._fetch, place)
        elsewhere = [place for place in self._requested if place not in window]
        for place in elsewhere[: max(0, len(self._requested) - _KEPT * self._max_ahead)]:
            del self._requested[place]  # the oldest ones

    def _cancel(self) -> None:
        """Cancel what has not begun. The rest is kept: a file with tracks in separate places is read in turns."""
        self._requested = {place: found for place, found in self._requested.items() if not found.cancel()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._requested.clear()
