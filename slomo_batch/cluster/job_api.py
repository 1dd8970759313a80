"""Ray's job API over HTTP, so this machine need not be part of the cluster. Jobs are read as submissions.

Every failure of the client is raised as ClusterError. The client sends only what it is given, never the environment of
this process, which may contain credentials.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

from aiohttp import ClientError
from ray.exceptions import RayError
from ray.job_submission import JobDetails, JobSubmissionClient
from ray.util.state import list_nodes
from ray.util.state.exception import RayStateApiException

from slomo_batch.cluster.gpu_choice import Offer
from slomo_batch.cluster.log_stream import LogStream, log_pieces
from slomo_batch.cluster.nodes import authorization
from slomo_batch.cluster.ray_address import check_cluster, dashboard_advice
from slomo_batch.cluster.shared_disk import machines_to_expect
from slomo_batch.cluster.submissions import DRAIN_S, Submission, parse_id
from slomo_batch.errors import ClusterError

AGENT_WITHIN_S = 60
"""How long to wait for the agent that starts jobs: a cluster that just started has none yet."""
CLIENT_TRIES = 5
"""Attempts to connect to a Ray client server that fails to start a process for this client."""
IDLE_S = 2.0
"""Seconds without anything new in a log after which its reader may look whether the run has ended."""
SILENCE_S = 150.0
"""A log that is silent for this long may hang on a lost connection: a run writes something each minute."""
_NO_LOG = "A file is not found"
"""What Ray says of a run that has not written anything yet."""
_MAX_NODES = 10_000

T = TypeVar("T")


class JobApi:
    """The jobs of one cluster.

    `address` is its dashboard (http://head:8265), a Ray address, or empty: then RAY_API_SERVER_ADDRESS or RAY_ADDRESS,
    else the cluster of this machine. An address that is given takes precedence over the environment.

    Raises:
        ClusterError: no cluster answers there.
    """

    def __init__(self, address: str) -> None:
        if address:
            # Ray prefers these to its argument.
            for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):
                os.environ.pop(name, None)
        for name in ("ray", "ray.client_builder", "ray.util.client.logsclient", JobSubmissionClient.__module__):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._address = address
        self._where = address or "the cluster of this machine"
        if address or "RAY_API_SERVER_ADDRESS" not in os.environ:
            self._asked(lambda: check_cluster(address))
        self._client = self._asked(lambda: _client_of(address))
        self.address: str = self._client.get_address()
        """Of the dashboard."""

    def submissions(self) -> list[Submission]:
        """Every run of slomo_batch that the cluster remembers."""
        found = (_submission(details) for details in self._asked(self._client.list_jobs))
        return [submission for submission in found if submission is not None]

    def submission(self, submission_id: str) -> Submission:
        """One run."""
        found = _submission(self._asked(lambda: self._client.get_job_info(submission_id)))
        if found is None:
            raise ClusterError("not a run of slomo_batch", where=submission_id)
        return found

    def start(self, submission_id: str, command: str, metadata: Mapping[str, str]) -> bool:
        """Submit a run. Returns False if the id is taken: another client was faster."""
        deadline = time.monotonic() + AGENT_WITHIN_S
        while True:
            try:
                self._client.submit_job(
                    entrypoint=command,
                    submission_id=submission_id,
                    metadata=dict(metadata),
                    runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(DRAIN_S)}},
                )
            except _FAILURES as error:
                if "already exists" in str(error):
                    return False
                if "No available agent" not in str(error) or time.monotonic() > deadline:
                    raise self._error(error) from error
                time.sleep(1)
            else:
                return True

    def stop(self, submission_id: str) -> bool:
        """Let Ray send the run SIGTERM, and SIGKILL after DRAIN_S. Returns False if it was not running."""
        stopped: bool = self._asked(lambda: self._client.stop_job(submission_id))
        return stopped

    def log(self, run: Submission, *, lines: int, follows: bool) -> Generator[str]:
        """The last `lines` of the log so far, or ALL, in pieces. If it `follows`, also what comes after that, and an
        empty piece whenever nothing came for `IDLE_S`. Nothing if there is no log yet.

        Raises:
            ClusterError: the connection is lost, or silent for so long that it may be lost.
        """
        if not run.node:
            return
        asked = partial(log_pieces, self.address, run.id, run.node, lines=lines, follows=follows, silence_s=SILENCE_S)
        with closing(LogStream(lambda: asked(headers=authorization()))) as stream:
            while (piece := self._next(stream)) is not None:
                yield piece

    def _next(self, stream: LogStream) -> str | None:
        try:
            return stream.next(IDLE_S)
        except _FAILURES as error:
            if _NO_LOG in str(error):
                return None
            raise self._error(error) from error

    # ---- machines --------------------------------------------------------------------------------------------------

    def num_machines(self) -> int:
        """How many machines will work on a job."""
        nodes = self._nodes()
        return machines_to_expect(len(nodes), sum(node.resources_total.get("CPU", 0) for node in nodes))

    def offer(self) -> Offer:
        """What the live machines offer."""
        nodes = self._nodes()
        return Offer(
            num_gpus=sum(node.resources_total.get("GPU", 0) for node in nodes),
            head_has_cpus=any(node.is_head_node and node.resources_total.get("CPU", 0) > 0 for node in nodes),
        )

    def is_this_machine(self) -> bool:
        """Whether the cluster's only machine is this one, so that it sees the same disk."""
        nodes = self._nodes()
        return len(nodes) == 1 and _is_own_address(nodes[0].node_ip)

    def _nodes(self) -> list[Any]:
        nodes = self._asked(lambda: list_nodes(self.address, limit=_MAX_NODES))
        return [node for node in nodes if node.state == "ALIVE"]

    # ---- failures --------------------------------------------------------------------------------------------------

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except _FAILURES as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ClusterError:
        lines = [line for line in str(error).strip().splitlines() if line.strip(" .")]
        reason = lines[-1].strip(" .") if lines else type(error).__name__
        if "Could not find any running Ray instance" in reason:
            return ClusterError("no Ray cluster runs on this machine", remedy=dashboard_advice("", reason))
        return ClusterError(
            "Ray's job API does not answer or refuses the request",
            where=self._where,
            got=reason,
            remedy=dashboard_advice(self._address, reason),
        )


_FAILURES = (RayError, RayStateApiException, ClientError, RuntimeError, ValueError, OSError)
"""Errors that Ray's client raises; the errors of its library `requests` are OSErrors, and so is a timeout."""


def _client_of(address: str) -> JobSubmissionClient:
    """A client of the cluster's dashboard.

    The server behind a ray:// address starts a process per client, which sometimes dies in its fork (grpc crashes
    there unless GRPC_ENABLE_FORK_SUPPORT is 0). The server reports that, and the client connects again.
    """
    for _ in range(CLIENT_TRIES - 1):
        with suppress(ConnectionAbortedError):
            return JobSubmissionClient(address or None)
    return JobSubmissionClient(address or None)


def _submission(details: JobDetails) -> Submission | None:
    parsed = parse_id(details.submission_id or "")
    if parsed is None:
        return None
    job, digest, number = parsed
    return Submission(
        job=job,
        digest=digest,
        number=number,
        status=str(details.status.value),
        entrypoint=details.entrypoint,
        exit_code=details.driver_exit_code,
        message=details.message or "",
        node=details.driver_node_id or "",
    )


def _is_own_address(ip: str) -> bool:
    """Whether the address is this machine's: only such an address can be bound."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ip, 0))
        except OSError:
            return False
    return True
