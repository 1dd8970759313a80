"""The version of slomo_batch: that of pyproject.toml."""

__version__ = "0.1.0"
