"""CallClock: measure a call where it runs. The stats go back to the driver with the outcome."""

import os
import socket
import time
from dataclasses import replace

from slomo_batch.attempts import CallStats
from slomo_batch.steps.context import StepContext
from slomo_batch.storage.metered import MeteredStore, Traffic
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri


class CallClock:
    """Runs from its making; `context` is the given one with everything counted that the call reads and writes."""

    def __init__(self, context: StepContext) -> None:
        self._traffic = traffic = Traffic()
        self._began_s, self._began_running_s = time.time(), time.perf_counter()

        def locate(uri: Uri) -> tuple[ObjectStore, str]:
            store, key = context.locate(uri)
            return MeteredStore(store, traffic), key

        self.context = replace(context, work=MeteredStore(context.work, traffic), locate=locate)

    def stats(self) -> CallStats:
        """The call so far."""
        return CallStats(
            host=socket.gethostname(),
            process=os.getpid(),
            began_s=round(self._began_s, 6),
            took_s=round(time.perf_counter() - self._began_running_s, 6),
            read_bytes=self._traffic.read_bytes,
            written_bytes=self._traffic.written_bytes,
        )
