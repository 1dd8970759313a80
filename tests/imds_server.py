"""An EC2 instance metadata service for tests, on the loopback: version 2 only, as in the EC2 user guide.

PUT with a time to live returns a token, every GET requires one, and missing items return 404.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex

MAX_TOKEN_S = 21600


class Imds:
    """State of the service; change `items` as AWS would."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.items: dict[str, str] = {"instance-life-cycle": "spot"}
        """By path below latest/meta-data/."""
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        """Requested paths, in order."""
        self.failures = 0
        """How many of the next requests are answered by a 500."""

    def env(self) -> dict[str, str]:
        """Environment variables with which a process finds this service."""
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.endpoint}


@contextmanager
def imds_serving() -> Iterator[Imds]:
    """A running service."""
    imds = Imds()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if self.path != "/latest/api/token" or not ttl.isdigit() or not 1 <= int(ttl) <= MAX_TOKEN_S:
                self._answer(400)
            elif "X-Forwarded-For" in self.headers:
                self._answer(403)
            else:
                token = token_hex(8)
                imds.tokens.add(token)
                self._answer(200, token)

        def do_GET(self) -> None:
            item = self.path.removeprefix("/latest/meta-data/")
            imds.asked.append(item)
            if self.headers.get("X-aws-ec2-metadata-token") not in imds.tokens:
                self._answer(401)
            elif imds.failures:
                imds.failures -= 1
                self._answer(500)
            elif item in imds.items:
                self._answer(200, imds.items[item])
            else:
                self._answer(404)

        def _answer(self, code: int, text: str = "") -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    imds.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield imds
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
