"""Base of the proxies: forward a request to the server behind, and return its answer."""

import http.client
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

_BY_HOP = {"connection", "transfer-encoding", "content-length"}
"""Headers of the connection, not of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of the server behind."""

    status: int
    headers: Sequence[tuple[str, str]]
    data: bytes


class Relay(BaseHTTPRequestHandler):
    """Handles one request, then closes the connection."""

    protocol_version = "HTTP/1.1"  # with 1.0, clients that ask before they send would wait for a second

    def ask(self, endpoint: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float) -> Answer:
        """Forward the request to the server at `endpoint`. The Host header is kept, so the signature stays valid."""
        with closing(http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=timeout_s)) as behind:
            behind.request(self.command, self.path, body=body, headers=dict(headers))
            answer = behind.getresponse()
            return Answer(status=answer.status, headers=answer.getheaders(), data=answer.read())

    def say(self, answer: Answer, *, length: int | None = None) -> None:
        """Send status and headers; the caller sends the data, except for HEAD. `length`: if it is not that of the
        data."""
        self.send_response_only(answer.status)
        content_length = str(len(answer.data) if length is None else length)
        for name, value in answer.headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                content_length = value
            if name.lower() not in _BY_HOP:
                self.send_header(name, value)
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", content_length)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is the library's
        """Stay silent."""
