"""Imported by the process from which commands of tests are forked (`tests.processes`): starts a fork server, which they
share. So each of them need not start its own, which takes a third of a second."""

from slomo_batch.sandbox.confined import confinement

confinement()
