"""PIXEL_REVISION, which is part of the ids of chunks and outputs; raise it with every change of pixels.

The golden tests (tests/golden) fail if pixels change. Then raise the number, and store the new values with it.
"""

PIXEL_REVISION = 2
