"""LogStream: the log of a submitted run, which another thread reads over HTTP, so that its reader can stop waiting.

`ray.util.state.get_log` asks the same, but only from within the cluster's network.
"""

import codecs
import queue
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from threading import Event, Thread
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

READ_BYTES = 1 << 16
MOST_WAITING = 64
"""Pieces that are read ahead."""


class LogStream:
    """The pieces of a text, as they come. Close it to end its thread, as soon as that gets another piece."""

    def __init__(self, read: Callable[[], Iterator[bytes]]) -> None:
        """`read` yields UTF-8, cut anywhere; it may wait forever."""
        self._pieces: queue.Queue[bytes | Exception | None] = queue.Queue(MOST_WAITING)
        self._is_closed = Event()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        Thread(target=self._pump, args=(read,), daemon=True, name="log-stream").start()

    def next(self, timeout_s: float) -> str | None:
        """The next piece; empty if none comes in time; None at the end.

        Raises:
            Exception: what `read` raised.
        """
        try:
            piece = self._pieces.get(timeout=timeout_s)
        except queue.Empty:
            return ""
        if isinstance(piece, Exception):
            raise piece
        return None if piece is None else self._decode(piece)

    def close(self) -> None:
        """Read no more."""
        self._is_closed.set()

    def _pump(self, read: Callable[[], Iterator[bytes]]) -> None:
        try:
            for piece in read():
                self._put(piece)
                if self._is_closed.is_set():
                    return
        except Exception as error:  # noqa: BLE001 raised where the text is needed
            self._put(error)
        else:
            self._put(None)

    def _put(self, piece: bytes | Exception | None) -> None:
        while not self._is_closed.is_set():
            try:
                self._pieces.put(piece, timeout=1.0)
            except queue.Full:
                continue
            return


def log_pieces(
    dashboard: str,
    submission_id: str,
    node: str,
    *,
    lines: int,
    follows: bool,
    headers: Mapping[str, str],
    silence_s: float,
) -> Iterator[bytes]:
    """The last `lines` of the log of a run on a node, or all if that is -1; if it `follows`, also what comes after.

    Raises:
        OSError: the dashboard cannot be reached, breaks off, is silent for `silence_s`, or refuses, with its reason.
    """
    query = urlencode({"submission_id": submission_id, "node_id": node, "lines": lines})
    url = f"{dashboard.rstrip('/')}/api/v0/logs/{'stream' if follows else 'file'}?{query}"
    try:
        with urlopen(Request(url, headers=dict(headers)), timeout=silence_s) as answer:  # noqa: S310 a cluster's address
            while piece := answer.read1(READ_BYTES):
                yield piece
    except HTTPError as error:
        raise OSError(error.read().decode(errors="replace") or str(error)) from error
    except HTTPException as error:
        raise ConnectionError(f"the connection broke: {error!r}") from error
