"""A log that is read over HTTP: whole, as it grows, from a server that breaks, that is silent, or that refuses."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from slomo_batch.cluster.log_stream import LogStream, log_pieces

TEXT = "erste Zeile: \u00e4\u00f6\u00fc\n" * 1000


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]]
    release: ClassVar[threading.Event]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
        """Stay quiet."""

    def do_GET(self) -> None:
        """Answer as a dashboard does."""
        self.asked.append(self.path + " " + self.headers.get("authorization", ""))
        [name] = parse_qs(urlsplit(self.path).query)["submission_id"]
        if name == "none":
            self.send_error(500, "no", "A file is not found at x")
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = TEXT.encode()
        for start in range(0, len(data), 4097):
            self._send(data[start : start + 4097])
        if name == "broken":
            self.close_connection = True
            return
        if "/stream?" in self.path:
            self.release.wait(30)
            self._send(b"last\n")
        self._send(b"")

    def _send(self, piece: bytes) -> None:
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


@contextmanager
def dashboard() -> Iterator[tuple[str, type[_Handler]]]:
    """A server on this machine."""

    class Handler(_Handler):
        asked: ClassVar[list[str]] = []
        release = threading.Event()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", Handler
        finally:
            Handler.release.set()
            server.shutdown()
            thread.join()


def stream(address: str, name: str, *, lines: int = -1, follows: bool = False, silence_s: float = 30.0) -> LogStream:
    headers = {"authorization": "Bearer token"}
    return LogStream(
        lambda: log_pieces(address, name, "n", lines=lines, follows=follows, headers=headers, silence_s=silence_s)
    )


def text_of(log: LogStream, until: str = "") -> str:
    """What comes until the end, or until a text."""
    text = ""
    while (piece := log.next(10.0)) is not None:
        text += piece
        if until and text.endswith(until):
            break
    return text


def test_a_log_so_far_comes_whole_with_what_was_asked_for() -> None:
    with dashboard() as (address, server), closing(stream(address, "job-1", lines=70)) as log:
        assert text_of(log) == TEXT
        assert server.asked == ["/api/v0/logs/file?submission_id=job-1&node_id=n&lines=70 Bearer token"]


def test_a_log_that_is_followed_says_when_nothing_comes_and_goes_on() -> None:
    with dashboard() as (address, server), closing(stream(address, "job-1", follows=True)) as log:
        assert text_of(log, until=TEXT) == TEXT
        assert log.next(0.05) == ""
        server.release.set()
        assert text_of(log) == "last\n"


def test_what_breaks_or_is_silent_or_refused_is_an_error() -> None:
    with dashboard() as (address, _):
        with closing(stream(address, "none")) as log, pytest.raises(OSError, match="A file is not found"):
            text_of(log)
        with closing(stream(address, "broken")) as log, pytest.raises(OSError, match="connection broke"):
            text_of(log)
        with (
            closing(stream(address, "job", follows=True, silence_s=0.2)) as log,
            pytest.raises(OSError, match="timed out"),
        ):
            text_of(log)
    with closing(stream("http://127.0.0.1:9", "job")) as log, pytest.raises(OSError, match="refused"):
        text_of(log)


def test_a_stream_that_is_closed_ends_its_thread() -> None:
    before = threading.active_count()
    with dashboard() as (address, _), closing(stream(address, "job", follows=True, silence_s=1.0)) as log:
        assert log.next(10.0)
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
