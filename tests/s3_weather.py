"""A proxy before a real S3 server that injects storage faults by a seed, and counts them.

The faults are a list shuffled by the seed. Each request draws, with the probability `share`, the first fault that
applies to it. When the list is empty no more faults come, so the faults of a run are known beforehand, however many
requests it makes.
"""

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from http.server import ThreadingHTTPServer
from typing import Any, cast

from tests.relay import Answer, Relay
from tests.s3_server import S3Server

BEHIND_TIMEOUT_S = 120
BODY_FROM_BYTES = 64
"""Answers shorter than this are not worth damaging."""
SLOW_PIECES = 20
REFUSED_WITH = "<Error><Code>{code}</Code><Message>The weather is bad.</Message></Error>"


class Fault(StrEnum):
    """A fault to inject into a request."""

    THROTTLED = "503 SlowDown"
    FAILED = "500 InternalError"
    GATEWAY = "502 from a gateway, in HTML"
    SILENT = "no answer at all"
    RESET = "connection reset in mid-body"
    LOST = "carried out, answer lost"
    CUT = "body cut off"
    SHORT = "shorter body under its own right length"
    SLOW = "slow link"
    EXPIRED = "403 ExpiredToken"


PASSING: tuple[Fault, ...] = tuple(fault for fault in Fault if fault is not Fault.EXPIRED)
"""Faults that a retry of the request may survive."""
_IN_THE_BODY = {Fault.CUT, Fault.SHORT, Fault.SLOW}
_ANSWERS = {
    Fault.THROTTLED: (503, "SlowDown"),
    Fault.FAILED: (500, "InternalError"),
    Fault.EXPIRED: (403, "ExpiredToken"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Which faults to inject, and how often."""

    faults: Mapping[Fault, int]
    """How many of each."""
    share: float = 1.0
    """Probability that a request draws a fault."""
    seed: int = 0
    silent_s: float = 90.0
    """How long a request is left without an answer before its connection is closed."""
    slow_s: float = 2.0
    """How long a slow body takes."""

    def deck(self, chance: random.Random) -> list[Fault]:
        """The faults in the order in which they come."""
        cards = [fault for fault, number in sorted(self.faults.items()) for _ in range(number)]
        chance.shuffle(cards)
        return cards


FAIR = Weather(faults={})


class Storm(ThreadingHTTPServer):
    """The proxy; `server` is what clients speak to."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, behind: S3Server, weather: Weather) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.behind = behind
        self.injected: Counter[Fault] = Counter()
        self.num_requests = 0
        self.expired: set[str] = set()
        """Clients whose credentials count as expired, by the application id in their user agent."""
        self.num_skewed = 0
        """Requests that the server refused because of the client's clock."""
        self.over = threading.Event()
        self._lock = threading.Lock()
        self.change(weather)

    @property
    def server(self) -> S3Server:
        """The server as clients see it through the weather."""
        return replace(self.behind, endpoint=f"http://127.0.0.1:{self.server_address[1]}")

    def change(self, weather: Weather) -> None:
        """Replace the faults to inject."""
        with self._lock:
            self.weather, self._chance = weather, random.Random(weather.seed)
            self._deck = weather.deck(self._chance)

    @property
    def is_dealt_out(self) -> bool:
        """Whether all faults were injected."""
        return not self._deck

    def draw(self, method: str, size_sent: int, client: str = "") -> Fault | None:
        """Draw the fault for a request of a client with a body of this size; faults of an answer's body are for GET."""
        with self._lock:
            self.num_requests += 1
            if client in self.expired:
                return Fault.EXPIRED
            if self._chance.random() >= self.weather.share:
                return None
            fault = next((fault for fault in self._deck if _applies(fault, method, size_sent)), None)
            if fault is not None:
                self._deck.remove(fault)
            return fault

    def count(self, fault: Fault) -> None:
        """Count an injected fault."""
        with self._lock:
            self.injected[fault] += 1

    def note(self, answer: Answer) -> None:
        """Count an answer of the server that says that the client's clock is wrong."""
        if answer.status == http.HTTPStatus.FORBIDDEN and b"<Code>RequestTimeTooSkewed</Code>" in answer.data:
            with self._lock:
                self.num_skewed += 1

    def put_back(self, fault: Fault) -> None:
        """Return a fault that could not be injected, since the answer had too small a body."""
        with self._lock:
            self._deck.append(fault)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection."""


def _applies(fault: Fault, method: str, size_sent: int) -> bool:
    if fault in _IN_THE_BODY:
        return method == "GET"
    return fault is not Fault.RESET or method == "GET" or size_sent > BODY_FROM_BYTES


@contextmanager
def weathered(behind: S3Server, weather: Weather = FAIR) -> Iterator[Storm]:
    """A proxy before a server; all its connections are closed afterwards."""
    storm = Storm(behind, weather)
    thread = threading.Thread(target=storm.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield storm
    finally:
        storm.over.set()
        storm.shutdown()
        thread.join()
        storm.server_close()


def _page(status: int, content_type: str, text: str) -> Answer:
    return Answer(status=status, headers=[("Content-Type", content_type)], data=text.encode())


class _Forward(Relay):
    """Passes one request on, unless a fault is injected."""

    def _forward(self) -> None:
        self.close_connection = True
        storm = cast("Storm", self.server)
        size = int(self.headers.get("Content-Length", 0))
        fault = storm.draw(self.command, size, self._client())
        if fault is Fault.RESET and self.command != "GET":
            self.rfile.read(size // 2)
            storm.count(fault)
            self._reset()
            return
        body = self.rfile.read(size)
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            storm.count(fault)
            self._answer(_page(status, "application/xml", REFUSED_WITH.format(code=code)))
        elif fault is Fault.GATEWAY:
            storm.count(fault)
            self._answer(_page(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body>"))
        elif fault is Fault.SILENT:
            storm.count(fault)
            storm.over.wait(storm.weather.silent_s)
        else:
            self._carry_out(storm, body, fault)

    def _client(self) -> str:
        """The application id in the user agent, "" without one."""
        words = self.headers.get("User-Agent", "").split()
        return next((word.removeprefix("app/") for word in words if word.startswith("app/")), "")

    def _carry_out(self, storm: Storm, body: bytes, fault: Fault | None) -> None:
        try:
            headers = dict(self.headers.items())
            answer = self.ask(storm.behind.endpoint, headers, body, timeout_s=BEHIND_TIMEOUT_S)
        except (OSError, http.client.HTTPException):  # the server itself is away: so is its connection
            self._reset()
            return
        storm.note(answer)
        if fault is Fault.LOST:
            storm.count(fault)
            return
        if fault is not None and len(answer.data) < BODY_FROM_BYTES:
            storm.put_back(fault)
            fault = None
        elif fault is not None:
            storm.count(fault)
        self._answer(answer, fault)

    def _answer(self, answer: Answer, fault: Fault | None = None) -> None:
        sent = answer.data[: len(answer.data) // 2] if fault is Fault.SHORT else answer.data
        self.say(answer, length=len(sent))
        if self.command != "HEAD":
            self._send(sent, fault)

    def _send(self, data: bytes, fault: Fault | None) -> None:
        storm = cast("Storm", self.server)
        if fault is Fault.SLOW:
            piece = -(-len(data) // SLOW_PIECES)
            for start in range(0, len(data), piece):
                self.wfile.write(data[start : start + piece])
                storm.over.wait(storm.weather.slow_s / SLOW_PIECES)
        elif fault in {Fault.CUT, Fault.RESET}:
            self.wfile.write(data[: len(data) // 2])
            if fault is Fault.RESET:
                time.sleep(0.05)  # what is under way would be thrown away by the reset
                self._reset()
        else:
            self.wfile.write(data)

    def _reset(self) -> None:
        """Close the connection the rude way: the other side is told RST."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815 the names are the library's
