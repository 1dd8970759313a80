"""Tries of what boto3 does not repeat itself: a body cut off or damaged, and a write with an undecided result."""

import random
import time

TRIES = 6
"""Consecutive tries of a download that return no byte, and tries of a put_if_absent with an undecided result."""
FIRST_WAIT_S = 0.1
"""Doubled at each later try."""


def wait_before_retry(attempt: int) -> None:
    """Wait before a retry: exponential back-off with jitter."""
    time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 not a secret
