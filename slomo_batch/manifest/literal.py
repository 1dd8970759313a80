"""Locations that are taken as they were typed, as `convert` takes its arguments."""


class LiteralLocation(str):
    """A location of one file, without wildcards and placeholders: `*`, `[` and `{` are part of its name."""

    __slots__ = ()
