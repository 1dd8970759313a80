"""Expand a URI of one object, of a folder, or with wildcards to the objects in a store.

`*` and `?` match within a folder, `[ab]`, `[a-z]`, `[!a]` match one character, `**/` matches any number of folders, and
`**` matches anything. Patterns are case-sensitive and match names with a leading dot. If an object or folder is
literally named like the pattern, it is used and nothing is matched. `[[]` matches a literal `[`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from slomo_batch.errors import AccessRefused, ObjectMissing, StorageBusy
from slomo_batch.storage.folders import Unlisted
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.store import ObjectInfo, ObjectStore
from slomo_batch.uri import FILE_SCHEME, S3_SCHEME, Uri, normalize, split_s3

_WILD = re.compile(r"[*?\[]")
_SPECIAL = re.compile(r"[*?\[%]")
_ENCODED = re.compile("%2A|%3F|%5B|%25")
_ENCODED_WILD = re.compile("%2A|%3F|%5B")
_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Glob:
    """A location that names any number of objects: a folder, or a pattern with wildcards."""

    root: Uri
    """The store to look in: the bucket; on disk the literal folder (the part before the first wildcard)."""
    pattern: str
    """Pattern of whole keys in that store. If `is_literal`, it is the key of an object or of a folder."""
    is_literal: bool = False
    """Whether it has no wildcards."""

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> "Glob":
        """Parse s3://bucket/pattern, file:///pattern or a path, relative to `base` or the current directory.

        Only typed wildcards count: those in `base` and percent-encoded ones are part of a name.

        Raises:
            ManifestError: it is none of these.
        """
        bucket, pattern = split_s3(text)
        if bucket:
            return cls(Uri(S3_SCHEME + bucket), pattern, is_literal=not _WILD.search(pattern))
        path = _encoded(text, base)
        folder = literal_folder(path.rstrip("/") or "/")
        root, pattern = Uri(unquote(folder.rstrip("/") or "/")), path[len(folder) :]
        if not _WILD.search(path):
            return cls(root, unquote(pattern), is_literal=True)
        return cls(root, _ENCODED.sub(lambda encoded: _quoted(unquote(encoded[0])), pattern))

    @property
    def whole(self) -> str:
        """Pattern of the whole URIs."""
        return f"{_quoted(self.root.rstrip('/'))}/{_quoted(self.pattern) if self.is_literal else self.pattern}"

    def below(self, pattern: str) -> str:
        """Pattern of the whole URIs for a pattern relative to the literal folder, as `expand` excludes them."""
        if self.is_literal:
            return f"{self.whole.rstrip('/')}/{_beneath(pattern)}"
        return f"{_quoted(self.root.rstrip('/'))}/{literal_folder(self.pattern)}{_beneath(pattern)}"


def absolute_glob(text: str, base: Path | None = None) -> str:
    """Make the text of a glob absolute: s3://, an absolute path, or a file: URI if a literal name has wildcards.

    Raises:
        ManifestError: as `Glob.parse` does.
    """
    if split_s3(text)[0]:
        return text
    path = _encoded(text, base)
    return FILE_SCHEME + path if _ENCODED_WILD.search(path) else unquote(path)


def _encoded(text: str, base: Path | None) -> str:
    """Normalize a local glob. Literal wildcards and percent signs in the result are percent-encoded."""
    typed = text if text.startswith(FILE_SCHEME) else text.replace("%", "%25")
    return normalize(typed, base, lambda literal: _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", literal))


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


def expand(
    store: ObjectStore, pattern: str, excepts: Sequence[str] = (), *, is_literal: bool = False
) -> Iterator[GlobMatch | Unlisted]:
    """Expand a pattern of keys to the objects in a store, in key order.

    Returns the object with that literal name if it exists; else, for a folder, every object below it; else every
    object that matches, unless the pattern `is_literal`. `excepts` are patterns relative to the literal folder:
    matching objects are excluded, and a folder that is excluded as a whole is not listed. A local file or folder that
    cannot be read, and may match or contain a match, is returned as Unlisted.
    """
    exact = _exact(store, pattern)
    if exact is not None:
        base, selected = literal_folder(_quoted(pattern)), iter([exact])
    else:
        base, wanted = _folder_or_pattern(store, pattern, is_literal=is_literal)
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


def _folder_or_pattern(store: ObjectStore, pattern: str, *, is_literal: bool) -> tuple[str, str]:
    """Return the literal folder and the pattern of all objects, for a pattern that is not one object."""
    folder = f"{pattern.rstrip('/')}/" if pattern else ""
    if is_literal or not _WILD.search(pattern) or next(_listed(store, folder), None) is not None:
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
