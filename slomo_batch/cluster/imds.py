"""The instance metadata service of EC2, version 2: what a machine may ask about itself.

A session token is fetched first and renewed when it is refused; an item that does not exist is None. The address is
that of every EC2 machine, unless the variable says another that all AWS tools read: AWS_EC2_METADATA_SERVICE_ENDPOINT.
"""

import os
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError

from slomo_batch.errors import ClusterError

DEFAULT_ENDPOINT = "http://169.254.169.254"
TOKEN_S = 21600
"""How long a token is asked to live: the longest that there is."""
TIMEOUT_S = 2.0
"""The service is on the machine itself: it answers at once or not at all."""


class Metadata:
    """Asks the metadata service. Proxies are never asked: the address is link-local."""

    def __init__(self, endpoint: str = "") -> None:
        chosen = endpoint or os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or DEFAULT_ENDPOINT
        self._endpoint = chosen.rstrip("/")
        self._token = ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        if not self._endpoint.startswith(("http://", "https://")):
            raise ClusterError("this is not the address of a metadata service", expected="http://...", got=chosen)

    def get(self, item: str) -> str | None:
        """An item below latest/meta-data/, None where there is none.

        Raises:
            ClusterError: no answer, or one that makes no sense.
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
        request = urllib.request.Request(  # noqa: S310 the constructor saw to the scheme
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
            remedy="It exists on EC2 alone; inside a container it needs HttpPutResponseHopLimit: 2.",
        )
