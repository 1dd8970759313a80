"""Tiny clips, made by PyAV in memory: which there are and why (`catalogue`), and how they are made."""
