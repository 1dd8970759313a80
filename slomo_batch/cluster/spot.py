"""The spot watcher: poll whether EC2 takes this machine back, and drain it, so that Ray gives it nothing new.

EC2 announces two things. An interruption notice gives the time, some two minutes ahead: Ray gets it as the deadline,
and the driver takes back what cannot end by then. A rebalance recommendation says that a notice has become likely: the
node leaves Ray once it has finished what it holds. A notice takes precedence; neither is reported to Ray twice.

Reading the documents and deciding are pure functions; `watch` is the loop around them.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from slomo_batch.cluster.imds import Metadata
from slomo_batch.errors import ClusterError

POLL_S = 5.0
"""Seconds between two polls, as AWS recommends."""
LIFE_CYCLE, NOTICE, REBALANCE = "instance-life-cycle", "spot/instance-action", "events/recommendations/rebalance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """This machine goes, or is likely to go."""

    why: str
    """For the log, and for the reason that Ray keeps."""
    deadline: datetime | None = None
    """When it goes, in UTC; None if it is only likely to."""


def read_notice(document: str) -> Departure:
    """Read spot/instance-action: {"action": "terminate", "time": "2027-01-31T08:22:00Z"}.

    A notice that cannot be read still counts, without its time.
    """
    try:
        fields = json.loads(document)
        action, at = str(fields["action"]), datetime.fromisoformat(fields["time"])
    except (ValueError, TypeError, KeyError):
        return Departure(why=f"a spot notice that cannot be read: {document[:200]!r}")
    return Departure(why=f"spot notice: {action} at {at.isoformat()}", deadline=at.replace(tzinfo=at.tzinfo or UTC))


def departure(notice: str | None, rebalance: str | None) -> Departure | None:
    """The departure that the two documents announce, if any; the notice takes precedence."""
    if notice is not None:
        return read_notice(notice)
    return None if rebalance is None else Departure(why="spot rebalance recommendation")


def is_news(announced: Departure, reported: Departure | None) -> bool:
    """Whether to report it to Ray: the first departure, and again once it has a time."""
    return reported is None or (reported.deadline is None and announced.deadline is not None)


def watch(
    metadata: Metadata,
    leave: Callable[[Departure], bool],
    *,
    heeds_rebalance: bool,
    say: Callable[[str], None],
    poll_s: float = POLL_S,
) -> str:
    """Poll until the time of the machine's end is known. Returns why watching ended.

    `leave` drains the node and returns whether this machine is still one; if it fails, it is called again.

    Raises:
        ClusterError: the first poll gets no answer: this is not EC2.
    """
    if (life_cycle := metadata.get(LIFE_CYCLE)) != "spot":
        return f"nothing to watch for: this machine's life cycle is {life_cycle or 'not known'}, not spot"
    reported: Departure | None = None
    while reported is None or reported.deadline is None:
        try:
            announced = departure(metadata.get(NOTICE), metadata.get(REBALANCE) if heeds_rebalance else None)
            if announced is not None and is_news(announced, reported):
                if not leave(announced):
                    return f"this machine is no longer a node of the cluster ({announced.why})"
                reported = announced
                say(f"Ray gives this machine nothing new: {announced.why}")
                continue
        except ClusterError as error:
            say(f"{error}; asking again")
        time.sleep(poll_s)
    return "the end of this machine is known and reported to Ray"
