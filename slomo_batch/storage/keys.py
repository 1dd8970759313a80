"""What a key may be: a relative, "/"-separated name that cannot leave its root on any store."""

from slomo_batch.errors import AccessRefused


def checked_key(key: str, root: str) -> str:
    """The key itself, once it is known to stay under the root.

    Raises:
        AccessRefused: it is empty, absolute, a folder, or holds a "." or "..".
    """
    parts = key.split("/")
    if not parts[0] or not parts[-1] or "\0" in key or "." in parts or ".." in parts:
        raise AccessRefused("no object can have this key", where=root, got=repr(key))
    return key
