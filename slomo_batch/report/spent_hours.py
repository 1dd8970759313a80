"""The machine hours that a job has spent, by its ledger."""

from collections import defaultdict
from collections.abc import Sequence

from slomo_batch.report.ledger import LedgerTable
from slomo_batch.report.throughput import busy_s

_Spans = dict[str, list[tuple[float, float]]]
"""By host: when attempts began, and how long they took, in seconds."""


def spent_hours(ledger: LedgerTable) -> float:
    """The machine hours of all runs in a ledger.

    A run records its machine time once a minute. Of a run of an earlier version, which did not, the time counts in
    which at least one recorded attempt ran on a machine.
    """
    recorded: dict[int, float] = defaultdict(float)
    attempts: dict[int, _Spans] = defaultdict(lambda: defaultdict(list))
    names = ("epoch", "kind", "machine_s", "host", "began_utc", "took_s")
    columns: Sequence[list[object]] = [ledger[name].to_pylist() for name in names]
    for epoch, kind, machine_s, host, began, took_s in zip(*columns, strict=True):
        if kind == "spent":
            recorded[epoch] += machine_s or 0.0
        elif began is not None and took_s is not None:
            attempts[epoch][host or ""].append((began.timestamp(), took_s))
    unrecorded = (spans for epoch, of_host in attempts.items() if epoch not in recorded for spans in of_host.values())
    return (sum(recorded.values()) + sum(map(busy_s, unrecorded))) / 3600
