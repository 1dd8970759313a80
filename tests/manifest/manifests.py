"""Manifests for tests: the smallest valid one, and texts made from it."""

from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest

GOOD = """\
version: 1
name: derby-2019
inputs:
  - uri: clips/final.mov
output:
  uri: out/{stem}.mp4
"""
"""The smallest manifest; lines that tests append begin on line 7."""


def good(more: str = "", *overrides: str) -> Manifest:
    """Load the valid manifest with more lines, and settings of the command line."""
    return load(GOOD + more, where="job.yaml", overrides=overrides)


def with_inputs(inputs: str, output: str = "out/{stem}.mp4", more: str = "") -> str:
    """A manifest's text with these entries (YAML, on one line) for inputs."""
    return f"version: 1\nname: job\ninputs: {inputs}\noutput: {{uri: '{output}'}}\n{more}"
