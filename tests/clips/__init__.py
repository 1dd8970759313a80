"""Tiny clips made by PyAV in memory: `catalogue` lists them with the reason for each; the other modules make them."""
