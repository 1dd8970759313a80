"""The instance metadata service of EC2, version 2 (IMDSv2): what a machine can query about itself.

A session token is fetched first and renewed when it is refused. The address is the same on every EC2 machine, unless
AWS_EC2_METADATA_SERVICE_ENDPOINT, which all AWS tools read, sets another.
"""

import os
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError

from slomo_batch.errors import ClusterError

DEFAULT_ENDPOINT = "http://169.254.169.254"
TOKEN_S = 21600
"""Lifetime to request for a token: the maximum."""
TIMEOUT_S = 2.0
"""The service runs on the machine itself: it answers at once or not at all."""


class Metadata:
    """A client of the metadata service. It never uses a proxy: the address is link-local."""

    def __init__(self, endpoint: str = "") -> None:
        chosen = endpoint or os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or DEFAULT_ENDPOINT
        self._endpoint = chosen.rstrip("/")
        self._token = ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        if not self._endpoint.startswith(("http://", "https://")):
            raise ClusterError("this is not the address of a metadata service", expected="http://...", got=chosen)

    def get(self, item: str) -> str | None:
        """An item below latest/meta-data/; None if it does not exist.

        Raises:
            ClusterError: there is no answer, or an invalid one.
        """
        try:
            return self._get(item)
        except HTTPError as error:
            if error.code != HTTPStatus.UNAUTHORIZED:
                raise self._unreachable(error) from error
            self._token = ""
        try:
            return self._get(item)
        except HTTPError as error:
            raise self._unreachable(error) from error

    def _get(self, item: str) -> str | None:
        if not self._token:
            self._token = self._ask("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)})
        try:
            return self._ask("GET", f"meta-data/{item}", {"X-aws-ec2-metadata-token": self._token})
        except HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(  # noqa: S310 the constructor checked the scheme
            f"{self._endpoint}/latest/{path}", method=method, headers=headers
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return str(answer.read().decode("utf-8"))
        except HTTPError:
            raise
        except (OSError, HTTPException, UnicodeDecodeError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> ClusterError:
        return ClusterError(
            "the instance metadata service does not answer",
            where=self._endpoint,
            got=str(error) or type(error).__name__,
            remedy="It exists on EC2 only; in a container it needs HttpPutResponseHopLimit: 2.",
        )
