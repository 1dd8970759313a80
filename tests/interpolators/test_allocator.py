"""keep_freed_memory avoids page faults."""

import subprocess
import sys

PROGRAM = """
import resource, numpy as np
from slomo_batch.interpolators.allocator import keep_freed_memory
if {tuned}:
    assert keep_freed_memory()
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(8 << 20)
before = faults()
for _ in range(10):
    np.ones(8 << 20)
print(faults() - before)
"""


def faults(*, tuned: bool) -> int:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(tuned=tuned)], capture_output=True, text=True, check=True, timeout=240
    )
    return int(run.stdout)


def test_memory_that_was_freed_is_not_faulted_in_again() -> None:
    assert faults(tuned=True) * 5 < faults(tuned=False)
