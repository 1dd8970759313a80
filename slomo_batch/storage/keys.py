"""Validate keys: relative, "/"-separated names that cannot escape the root of a store."""

from slomo_batch.errors import AccessRefused


def checked_key(key: str, root: str) -> str:
    """Return the key if it is valid.

    Raises:
        AccessRefused: the key is empty, absolute, a folder, or contains a NUL, "." or "..".
    """
    parts = key.split("/")
    if not parts[0] or not parts[-1] or "\0" in key or "." in parts or ".." in parts:
        raise AccessRefused("invalid object key", where=root, got=repr(key))
    return key
