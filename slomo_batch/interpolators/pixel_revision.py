"""PIXEL_REVISION: raised with every change that changes pixels; it is part of the ids of chunks and outputs.

The golden tests (tests/golden) fail when pixels change; then raise the number, and store the new values with it.
"""

PIXEL_REVISION = 1
