"""Expand a URI of one object, of a folder, or with wildcards to the objects in a store.

`*` and `?` match within a folder, `[ab]`, `[a-z]`, `[!a]` match one character, `**/` matches any number of folders, and
`**` matches anything. Patterns are case-sensitive and match names with a leading dot. If an object or folder is
literally named like the pattern, it is used and nothing is matched. `[[]` matches a literal `[`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from slomo_batch.errors import AccessRefused, ObjectMissing, StorageBusy
from slomo_batch.storage.folders import Unlisted
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.store import ObjectInfo, ObjectStore
from slomo_batch.uri import S3_SCHEME, Uri, split_s3

_WILD = re.compile(r"[*?\[]")
_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Glob:
    """A location that names any number of objects: a folder, or a pattern with wildcards."""

    root: Uri
    """The store to look in: the bucket; on disk the literal folder (the part before the first wildcard)."""
    pattern: str
    """Pattern of whole keys in that store."""

    @classmethod
    def of(cls, text: str) -> "Glob":
        """The glob that this normalized text is."""
        bucket, pattern = split_s3(text)
        if bucket:
            return cls(Uri(S3_SCHEME + bucket), pattern)
        folder = literal_folder(text.rstrip("/") or "/")
        return cls(Uri(folder.rstrip("/") or "/"), text[len(folder) :])


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobMatch:
    """One object that a glob expands to."""

    info: ObjectInfo
    relpath: str
    """Its folder relative to the glob's literal folder (the part before the first wildcard); "" if directly in it."""
    is_exact: bool
    """Whether the pattern is the literal name of the object, rather than of a folder or a pattern that matches it."""


def literal_folder(pattern: str) -> str:
    """The folders of a pattern before its first wildcard, with a slash at the end, or ""."""
    wild = _WILD.search(pattern)
    head, slash, _ = pattern[: wild.start() if wild else len(pattern)].rpartition("/")
    return head + slash


def matches(pattern: str, key: str) -> bool:
    """Whether a whole key matches a pattern."""
    return _compiled(pattern).fullmatch(key) is not None


def expand(store: ObjectStore, pattern: str, excepts: Sequence[str] = ()) -> Iterator[GlobMatch | Unlisted]:
    """Expand a pattern of keys to the objects in a store, in key order.

    Returns the object with that literal name if it exists; else, for a folder, every object below it; else every
    object that matches. `excepts` are patterns relative to the literal folder: matching objects are excluded, and a
    folder that is excluded as a whole is not listed. A local file or folder that cannot be read, and may match or
    contain a match, is returned as Unlisted.
    """
    exact = _exact(store, pattern)
    if exact is not None:
        base, selected = literal_folder(_quoted(pattern)), iter([exact])
    else:
        base, wanted = _folder_or_pattern(store, pattern)
        selected = _select(store, wanted, lambda folder: _left_out_whole(folder.removeprefix(base), excepts))
    for found in selected:
        relative = found.key.removeprefix(base)
        if any(matches(_beneath(left_out), relative) for left_out in excepts):
            continue
        if isinstance(found, Unlisted):
            yield found
        else:
            yield GlobMatch(info=found, relpath=relative.rpartition("/")[0], is_exact=exact is not None)


def _exact(store: ObjectStore, pattern: str) -> ObjectInfo | Unlisted | None:
    if not pattern or pattern.endswith("/"):
        return None
    try:
        return store.head(pattern)
    except (ObjectMissing, AccessRefused):  # the listing that follows reports why access is refused
        return None
    except StorageBusy as busy:
        if isinstance(store, LocalStore):
            return Unlisted(key=pattern, error=busy)
        raise


def _folder_or_pattern(store: ObjectStore, pattern: str) -> tuple[str, str]:
    """Return the literal folder and the pattern of all objects, for a pattern that is not one object."""
    folder = f"{pattern.rstrip('/')}/" if pattern else ""
    if not _WILD.search(pattern) or next(_listed(store, folder), None) is not None:
        return folder, _quoted(folder) + "**"
    return literal_folder(pattern), _beneath(pattern)


def _beneath(pattern: str) -> str:
    """The pattern; for a folder, the pattern of everything below it."""
    return pattern + "**" if pattern.endswith("/") else pattern


def _quoted(text: str) -> str:
    """A pattern that matches only this text."""
    return _WILD.sub(lambda wild: f"[{wild[0]}]", text)


def _select(store: ObjectStore, pattern: str, left_out: Callable[[str], bool]) -> Iterator[ObjectInfo | Unlisted]:
    prefix = _literal_prefix(pattern)
    top = prefix.rpartition("/")[0]

    def enter(folder: str) -> bool:
        return _may_hold(pattern, folder) and not left_out(folder)

    for found in _listed(store, prefix, enter):
        # An entry that cannot be read may be a file or a folder.
        may_hold = isinstance(found, Unlisted) and (found.key == top or enter(found.key))
        if may_hold or matches(pattern, found.key):
            yield found


def _listed(
    store: ObjectStore, prefix: str, enter: Callable[[str], bool] = lambda _folder: True
) -> Iterator[ObjectInfo | Unlisted]:
    """The objects of a prefix. On disk, folders for which `enter` returns False are skipped, since they may be huge or
    unreadable."""
    if isinstance(store, LocalStore):
        return store.list_entering(prefix, enter)
    return iter(store.list(prefix))


def _literal_prefix(pattern: str) -> str:
    """The text that every match starts with."""
    text = ""
    for piece in _PIECE.findall(pattern):
        if len(piece) == 1 and piece not in "*?":
            text += piece
        elif len(piece) == 3 and piece[0] == "[" and piece[1] != "!":
            text += piece[1]
        else:
            break
    return text


def _may_hold(pattern: str, folder: str) -> bool:
    """Whether something beneath a folder could match a pattern."""
    parts = pattern.split("/")
    for number, name in enumerate(folder.split("/")):
        if "**" in parts[number]:
            return True
        if number + 1 == len(parts) or not matches(parts[number], name):
            return False
    return True


def _left_out_whole(folder: str, excepts: Sequence[str]) -> bool:
    whole = (_beneath(pattern).removesuffix("/**") for pattern in excepts if _beneath(pattern).endswith("/**"))
    return any(matches(pattern, folder) for pattern in whole)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(map(_expression, _PIECE.findall(pattern))), re.DOTALL)


def _expression(piece: str) -> str:
    """The regular expression of one piece of a pattern."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if piece in known:
        return known[piece]
    return _letters(piece[1:-1]) if len(piece) > 1 else re.escape(piece)


def _letters(inside: str) -> str:
    """The regular expression for the inside of [...]: characters and ranges, negated after `!`; never a slash."""
    body, alternatives = inside.removeprefix("!"), []
    while body:
        size = 3 if len(body) > 2 and body[1] == "-" else 1
        first, last, body = body[0], body[size - 1], body[size:]
        if first <= last:
            alternatives.append(f"{re.escape(first)}-{re.escape(last)}")
    if not alternatives:
        return "[^/]" if inside.startswith("!") else "(?!)"
    return f"(?!/)[{'^' if inside.startswith('!') else ''}{''.join(alternatives)}]"
