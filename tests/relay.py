"""What every proxy before a server has in common: it asks the server behind, and says the same in front."""

import http.client
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

_BY_HOP = {"connection", "transfer-encoding", "content-length"}
"""Headers that speak of a connection, not of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server behind said."""

    status: int
    headers: Sequence[tuple[str, str]]
    data: bytes


class Relay(BaseHTTPRequestHandler):
    """Handles one request; the connection ends with it."""

    protocol_version = "HTTP/1.1"  # with 1.0, clients that ask before they send would wait for a second

    def ask(self, endpoint: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float) -> Answer:
        """Put the request to the server at `endpoint`. Its Host header stays, so the signature stays good."""
        with closing(http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=timeout_s)) as behind:
            behind.request(self.command, self.path, body=body, headers=dict(headers))
            answer = behind.getresponse()
            return Answer(status=answer.status, headers=answer.getheaders(), data=answer.read())

    def say(self, answer: Answer, *, length: int | None = None) -> None:
        """Answer all but the data, which are written next but for a HEAD; `length`, where it is not theirs."""
        self.send_response_only(answer.status)
        told = str(len(answer.data) if length is None else length)
        for name, value in answer.headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                told = value
            if name.lower() not in _BY_HOP:
                self.send_header(name, value)
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", told)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is the library's
        """Stay silent."""
