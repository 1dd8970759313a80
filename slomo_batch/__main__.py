"""Run the command line: `python -m slomo_batch`."""

import sys

from slomo_batch.cli.main import main

sys.exit(main())
