"""Follow a submitted run: show each line of its log once, even if the connection breaks."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from slomo_batch.cluster.job_api import JobApi
from slomo_batch.cluster.log_reader import ALL, LogLine, LogReader
from slomo_batch.cluster.submissions import Submission
from slomo_batch.errors import ClusterError

MAX_UNREACHABLE_S = 600.0
"""How long the cluster may be unreachable before following ends."""
BETWEEN_TRIES_S = 2.0

Show = Callable[[LogLine], None]


def follow(api: JobApi, submission_id: str, show: Show, *, lines: int = ALL) -> Submission:
    """Show a run to its end, from its beginning or from the last `lines` of its log. Returns the run as it ended.

    Raises:
        ClusterError: the cluster stays unreachable. The run itself continues.
    """
    run = api.submission(submission_id)
    reader = LogReader(entrypoint=run.entrypoint, lines=lines)
    reached_s = time.monotonic()
    while True:
        try:
            has_ended = run.has_ended
            for is_new in _read(api, run, reader, show, follows=not has_ended):
                run = run if is_new else api.submission(submission_id)
                reached_s = time.monotonic()
                if run.has_ended != has_ended:
                    break
            if has_ended and not reader.lacks_lines:
                return run
            run = api.submission(submission_id)
        except ClusterError:
            if time.monotonic() - reached_s > MAX_UNREACHABLE_S:
                raise
            time.sleep(BETWEEN_TRIES_S)
        else:
            if not run.has_ended:
                time.sleep(BETWEEN_TRIES_S)


def _read(api: JobApi, run: Submission, reader: LogReader, show: Show, *, follows: bool) -> Iterator[bool]:
    """Show what is new in the log so far, and, if it `follows`, what comes. Yields whether something came in the last
    seconds."""
    with closing(api.log(run, lines=reader.begin(), follows=follows)) as pieces:
        for text in pieces:
            for line in reader.feed(text):
                show(line)
            yield bool(text)
            if reader.lacks_lines:
                return


def show_so_far(api: JobApi, run: Submission, show: Show, *, lines: int = ALL) -> None:
    """Show the log of a run so far, or the last `lines` of it."""
    for _ in _read(api, run, LogReader(entrypoint=run.entrypoint, lines=lines), show, follows=False):
        pass


def wait_for_end(api: JobApi, submission_id: str) -> Submission:
    """Wait until a run has ended. Returns it as it ended."""
    while not (run := api.submission(submission_id)).has_ended:
        time.sleep(BETWEEN_TRIES_S)
    return run
