"""Slow motion and higher frame rates for whole archives of video."""

__version__ = "0.1.0"
__all__ = ["__version__"]
