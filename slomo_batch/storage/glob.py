"""Globs over a store: what a URI with wildcards, of a folder or of one object stands for.

`*` and `?` match within a folder, `[ab]`, `[a-z]`, `[!a]` one character of it; `**/` any folders or none, `**`
anything. Case counts, names with a leading dot are like any other. An object or folder whose very name holds `*`, `?`
or `[` goes before what that name would match; elsewhere `[[]` spells a `[`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from slomo_batch.errors import ObjectMissing
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.location import S3_SCHEME, is_s3
from slomo_batch.storage.store import ObjectInfo, ObjectStore

_WILD = re.compile(r"[*?\[]")
_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One object that a glob stands for."""

    info: ObjectInfo
    relpath: str
    """Its folder below the glob's literal folder (the part before the first wildcard), "" where it lies right in it."""


def split_glob(uri: str) -> tuple[str, str, str]:
    """Root URI of the store to look in, the literal folder in it ("" or with a slash), and the pattern of whole keys.

    On disk the root is the literal folder itself; on S3 it is the bucket. `uri` is normalised.
    """
    if is_s3(uri):
        bucket, _, pattern = uri.removeprefix(S3_SCHEME).partition("/")
        return S3_SCHEME + bucket, literal_folder(pattern), pattern
    folder = literal_folder(uri.rstrip("/") or "/")
    return folder.rstrip("/") or "/", "", uri[len(folder) :]


def literal_folder(pattern: str) -> str:
    """The folders of a pattern before its first wildcard, with a slash at the end, or ""."""
    wild = _WILD.search(pattern)
    head, slash, _ = pattern[: wild.start() if wild else len(pattern)].rpartition("/")
    return head + slash


def matches(pattern: str, key: str) -> bool:
    """Whether a whole key matches a pattern."""
    return _compiled(pattern).fullmatch(key) is not None


def expand(store: ObjectStore, pattern: str, excepts: Sequence[str] = ()) -> Iterator[Found]:
    """What a pattern of keys stands for in a store, in key order.

    The object of that very name if there is one; else, for a folder, every object beneath it; else every object that
    matches. `excepts` are patterns relative to the literal folder; what matches one is left out, and a folder that is
    left out whole is not looked into.
    """
    found = _exact(store, pattern)
    if found is not None:
        base, selected = literal_folder(_quoted(pattern)), iter([found])
    else:
        base, wanted = _folder_or_pattern(store, pattern)
        selected = _select(store, wanted, lambda folder: _left_out_whole(folder.removeprefix(base), excepts))
    for info in selected:
        relative = info.key.removeprefix(base)
        if not any(matches(_beneath(left_out), relative) for left_out in excepts):
            yield Found(info=info, relpath=relative.rpartition("/")[0])


def _exact(store: ObjectStore, pattern: str) -> ObjectInfo | None:
    if not pattern or pattern.endswith("/"):
        return None
    try:
        return store.head(pattern)
    except ObjectMissing:
        return None


def _folder_or_pattern(store: ObjectStore, pattern: str) -> tuple[str, str]:
    """Literal folder, and the pattern of everything meant, of what is not one object."""
    folder = f"{pattern.rstrip('/')}/" if pattern else ""
    if not _WILD.search(pattern) or next(store.list(folder), None) is not None:
        return folder, _quoted(folder) + "**"
    return literal_folder(pattern), _beneath(pattern)


def _beneath(pattern: str) -> str:
    """The pattern; of a folder, of everything beneath it."""
    return pattern + "**" if pattern.endswith("/") else pattern


def _quoted(text: str) -> str:
    """A pattern that matches just this text."""
    return _WILD.sub(lambda wild: f"[{wild[0]}]", text)


def _select(store: ObjectStore, pattern: str, left_out: Callable[[str], bool]) -> Iterator[ObjectInfo]:
    prefix = _literal_prefix(pattern)
    if isinstance(store, LocalStore):
        # Folders where nothing can match are not entered: they may be huge, or closed to us.
        listed = store.list_entering(prefix, lambda folder: _may_hold(pattern, folder) and not left_out(folder))
    else:
        listed = store.list(prefix)
    return (info for info in listed if matches(pattern, info.key))


def _literal_prefix(pattern: str) -> str:
    """The text that every match begins with."""
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
    """The regular expression of the inside of [...]: letters, ranges, all but them after `!`; never a slash."""
    body, alternatives = inside.removeprefix("!"), []
    while body:
        size = 3 if len(body) > 2 and body[1] == "-" else 1
        first, last, body = body[0], body[size - 1], body[size:]
        if first <= last:
            alternatives.append(f"{re.escape(first)}-{re.escape(last)}")
    if not alternatives:
        return "[^/]" if inside.startswith("!") else "(?!)"
    return f"(?!/)[{'^' if inside.startswith('!') else ''}{''.join(alternatives)}]"
