"""Every worker process of the chaos test's cluster loads this as it starts, and so belongs to its machine."""

import os
import sys

if any(word.endswith("default_worker.py") for word in sys.orig_argv):
    from tests.chaos.machines import settle

    settle(os.environ["RAY_CLOUD_INSTANCE_ID"])
