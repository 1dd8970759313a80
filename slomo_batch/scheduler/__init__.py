"""Scheduler: who does what, when, and what happens if it fails. A pure core, and the driver and engines around it."""
