"""A real S3 server for tests: SeaweedFS on the loopback, in a temporary folder.

`serving()` starts one, `mortal_server()` one that can be killed and started again. Each proxy adds a fault to a
server: it ignores If-None-Match, cuts connections, or refuses requests.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from slomo_batch.storage.s3_options import S3Options
from tests.relay import Answer, Relay

READY_WITHIN_S = 120
STOPPED_WITHIN_S = 60
GRPC_OFFSET = 10_000
"""SeaweedFS listens for gRPC at each of its ports plus this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server and a key pair it accepts for everything."""

    endpoint: str
    access_key: str
    secret_key: str

    def make_bucket(self, name: str = "") -> str:
        """Create a bucket, with a random name if none is given, and return its name."""
        name = name or f"slomo-{uuid4().hex[:12]}"
        with closing(self._client()) as client, suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=name)
        return name

    def env(self) -> dict[str, str]:
        """Environment variables with which a process finds this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def options(self) -> S3Options:
        """The options of a store on this server."""
        return S3Options(endpoint_url=self.endpoint, region="us-east-1", addressing_style="path")

    def limited(self, access_key: str) -> "S3Server":
        """The server, with one of the key pairs that it accepts for some things only."""
        return replace(self, access_key=access_key, secret_key=f"{access_key}secret")

    def _client(self) -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2),
        )


@contextmanager
def serving(access_key: str = "slomotest", limited: Mapping[str, Sequence[str]] | None = None) -> Iterator[S3Server]:
    """Start a server that is ready: it has accepted a write. See `mortal_server`."""
    with mortal_server(access_key, limited) as mortal:
        yield mortal.server


@contextmanager
def mortal_server(
    access_key: str = "slomotest", limited: Mapping[str, Sequence[str]] | None = None
) -> Iterator["MortalServer"]:
    """Start a server that can be killed and restarted.

    It accepts `access_key` for everything, and the access keys in `limited` for what their actions allow, such as
    "Read:bucket/prefix/*".
    """
    folder = Path(tempfile.mkdtemp(prefix="slomo-s3-"))
    (folder / "data").mkdir()
    _write_limits(folder, limited or {})
    mortal = MortalServer(folder, _free_ports(5), access_key)
    try:
        mortal.start()
        yield mortal
    finally:
        mortal.kill()
        shutil.rmtree(folder, ignore_errors=True)


class MortalServer:
    """A server that can be killed, frozen, and started again at the same ports, over the same data."""

    def __init__(self, folder: Path, ports: list[int], access_key: str) -> None:
        self.server = S3Server(
            endpoint=f"http://127.0.0.1:{ports[3]}", access_key=access_key, secret_key=f"{access_key}secret"
        )
        self._folder, self._command = folder, _command(folder, ports)
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it has accepted a write. It also ends if the test process is killed."""
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watcher = _watch(self._process, self._folder)
        _wait_until_ready(self.server, self._process, log)

    def kill(self) -> None:
        """Send SIGKILL; data not yet on disk are lost."""
        if self._process is None or self._watcher is None:
            return
        self._watcher.kill()  # before another process can get the server's process id
        self._watcher.communicate()
        self._process.kill()
        self._process.wait(STOPPED_WITHIN_S)

    def freeze(self) -> None:
        """Send SIGSTOP: connections stay open without answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Send SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _environment(self) -> dict[str, str]:
        own = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", "HOME": str(self._folder)}
        return {**_plain_environment(), **self.server.env(), **own}


def _command(folder: Path, ports: list[int]) -> list[str]:
    master, volume, filer, s3, admin = ports
    return [
        str(Path(sys.executable).parent / "weed"),
        "-logtostderr=true",
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms",
        f"-master.port={master}",
        f"-volume.port={volume}",
        "-volume.max=200",
        f"-filer.port={filer}",
        f"-s3.port={s3}",
        f"-admin.port={admin}",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.autoCreateBucket=false",
        f"-s3.config={folder / _LIMITS}",
    ]


_LIMITS = "limits.json"


def _write_limits(folder: Path, limited: Mapping[str, Sequence[str]]) -> None:
    """Write the file with what each limited access key is accepted for."""
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": f"{key}secret"}], "actions": list(actions)}
        for key, actions in limited.items()
    ]
    (folder / _LIMITS).write_text(json.dumps({"identities": identities}))


def _watch(process: subprocess.Popen[bytes], folder: Path) -> subprocess.Popen[bytes]:
    """A process that kills the server and removes its folder once this one is gone, which closes the pipe it reads."""
    program = f"""
import os, shutil, signal, sys
sys.stdin.read()
try:
    os.kill({process.pid}, signal.SIGKILL)
finally:
    shutil.rmtree({str(folder)!r}, ignore_errors=True)
"""
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdin=subprocess.PIPE, start_new_session=True)


def _plain_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_", "S3_"))}


def _free_ports(number: int) -> list[int]:
    """Ports that are free now, as are those 10,000 above them."""
    found: list[int] = []
    while len(found) < number:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1] % 20_000 + 20_000
            try:
                with socket.socket() as wanted:
                    wanted.bind(("127.0.0.1", port))
                    other.bind(("127.0.0.1", port + GRPC_OFFSET))
            except OSError:
                continue
        if all(abs(port - taken) not in {0, GRPC_OFFSET} for taken in found):
            found.append(port)
    return found


def _wait_until_ready(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    fault: Exception | None = None
    with closing(server._client()) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(BotoCoreError, ClientError):  # the object may exist from before a restart
                client.create_bucket(Bucket="ready")
            try:
                client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            except (BotoCoreError, ClientError) as error:
                fault = error
                time.sleep(0.1)
            else:
                return
    raise RuntimeError(f"the S3 server did not start: {fault}\n{log.read_text(errors='replace')[-4000:]}")


# ---- proxies: the same server with a fault -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to a proxy."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    """By lower-case name."""


@contextmanager
def without_put_if_absent(server: S3Server) -> Iterator[S3Server]:
    """A proxy that removes If-None-Match, so that every conditional write overwrites."""
    with _proxy(_Front(server, dropped={"if-none-match"})) as front:
        yield front


@contextmanager
def cutting(server: S3Server, num_cut: int) -> Iterator[S3Server]:
    """A proxy that cuts the connection midway through the bodies of the first `num_cut` large answers."""
    with _proxy(_Front(server, num_cut=num_cut)) as front:
        yield front


@contextmanager
def losing(server: S3Server, num_lost: int) -> Iterator[S3Server]:
    """A proxy that carries out the first `num_lost` writes but loses their answers."""
    with _proxy(_Front(server, num_lost=num_lost)) as front:
        yield front


@contextmanager
def refusing(
    server: S3Server, fragment: str, code: str = "AccessDenied", status: int = 403, *, method: str = ""
) -> Iterator[S3Server]:
    """A proxy that answers requests whose path or query contains `fragment` with an error."""
    with _proxy(_Front(server, refused=Refusal(fragment=fragment, code=code, status=status, method=method))) as front:
        yield front


@contextmanager
def recording(server: S3Server, *, dropped: Collection[str] = ()) -> Iterator[tuple[S3Server, list[Request]]]:
    """A proxy that records the requests, and removes the headers in `dropped`."""
    front = _Front(server, dropped=dropped)
    with _proxy(front) as before:
        yield before, front.seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Which requests are refused, and how."""

    fragment: str
    code: str
    status: int
    method: str
    """Empty: any."""

    def concerns(self, method: str, path: str) -> bool:
        """Whether this request is one of them."""
        return self.fragment in path and self.method in {"", method}


class _Front(ThreadingHTTPServer):
    """State shared by the handlers of one proxy."""

    daemon_threads = False

    def __init__(
        self,
        server: S3Server,
        *,
        dropped: Collection[str] = (),
        num_cut: int = 0,
        num_lost: int = 0,
        refused: Refusal | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.behind, self.dropped, self.num_cut, self.num_lost = server, dropped, num_cut, num_lost
        self.refused = refused
        self.seen: list[Request] = []


@contextmanager
def _proxy(front: _Front) -> Iterator[S3Server]:
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield replace(front.behind, endpoint=f"http://127.0.0.1:{front.server_address[1]}")
    finally:
        front.shutdown()
        thread.join()
        front.server_close()


CUT_FROM_BYTES = 10_000


class _Forward(Relay):
    """Passes one request on, signed again if a header that the signature covers is removed."""

    def _forward(self) -> None:
        front = cast("_Front", self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        front.seen.append(Request(method=self.command, path=self.path, headers=headers))
        if front.refused and front.refused.concerns(self.command, self.path):
            words = f"<Error><Code>{front.refused.code}</Code><Message>no</Message></Error>"
            self._answer(Answer(status=front.refused.status, headers=(), data=words.encode()))
            return
        if headers.keys() & set(front.dropped):
            headers = self._signed_anew(front, headers, body)
        answer = self.ask(front.behind.endpoint, headers, body, timeout_s=30)
        if front.num_lost and self.command == "PUT":
            front.num_lost -= 1
            self.close_connection = True
            return
        self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self.say(answer)
        if self.command != "HEAD":
            self.wfile.write(self._part(answer.data))

    def _signed_anew(self, front: _Front, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        unsigned = {"authorization", "x-amz-date", "x-amz-content-sha256", *front.dropped}
        kept = {name: value for name, value in headers.items() if name not in unsigned}
        request = AWSRequest(self.command, f"http://{headers['host']}{self.path}", headers=kept, data=body)
        credentials = Credentials(front.behind.access_key, front.behind.secret_key)
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def _part(self, data: bytes) -> bytes:
        front = cast("_Front", self.server)
        if front.num_cut and len(data) > CUT_FROM_BYTES:
            front.num_cut -= 1
            return data[: len(data) // 2]
        return data

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815 the names are the library's
