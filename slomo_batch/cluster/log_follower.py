"""Follow a submitted run: show each line of its log once, even if the connection breaks."""

import time
from collections.abc import Callable

from slomo_batch.cluster.job_api import JobApi
from slomo_batch.cluster.log_reader import LogLine, LogReader
from slomo_batch.cluster.submissions import Submission
from slomo_batch.errors import ClusterError

MAX_UNREACHABLE_S = 600.0
"""How long the cluster may be unreachable before following ends."""
BETWEEN_TRIES_S = 2.0

Show = Callable[[LogLine], None]


def follow(api: JobApi, submission_id: str, show: Show) -> Submission:
    """Show a run from its beginning to its end. Returns the run as it ended.

    Raises:
        ClusterError: the cluster stays unreachable. The run itself continues.
    """
    run = api.submission(submission_id)
    reader = LogReader(entrypoint=run.entrypoint)
    shown = 0
    reached_s = time.monotonic()
    while True:
        try:
            skip = shown
            for part in api.log(submission_id):
                fresh = part[skip:]
                skip -= len(part) - len(fresh)
                shown += len(fresh)
                reached_s = time.monotonic()
                for line in reader.feed(fresh):
                    show(line)
            run = api.submission(submission_id)
            if run.has_ended:
                return run
        except ClusterError:
            if time.monotonic() - reached_s > MAX_UNREACHABLE_S:
                raise
        time.sleep(BETWEEN_TRIES_S)


def show_so_far(api: JobApi, run: Submission, show: Show) -> None:
    """Show the log of a run so far."""
    for line in LogReader(entrypoint=run.entrypoint).feed(api.whole_log(run.id)):
        show(line)


def wait_for_end(api: JobApi, submission_id: str) -> Submission:
    """Wait until a run has ended. Returns it as it ended."""
    while not (run := api.submission(submission_id)).has_ended:
        time.sleep(BETWEEN_TRIES_S)
    return run
