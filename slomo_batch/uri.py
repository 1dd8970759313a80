"""Uri: a parsed location, `s3://bucket/key` or an absolute path of this machine; nothing else.

`Uri.parse` reads what a person typed. A glob or a template of output names is text, and not a Uri until it is expanded:
`absolute_template` and `storage.glob` make its folders absolute. Credentials are never part of one.
"""

import os.path
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import unquote

from slomo_batch.errors import ManifestError

S3_SCHEME = "s3://"
FILE_SCHEME = "file://"

Escape = Callable[[str], str]
"""Escapes literal text in a glob or a template: the current folder, the home folder, and percent-encoded characters."""

_ENCODED = re.compile("(?:%[0-9A-Fa-f]{2})+|%")


class Uri(str):
    """A location in its only spelling, as `parse` returns it. The constructor takes such text without a check.

    A Uri is its text: it compares, sorts, and is digested, stored and shown like it. A trailing slash marks a folder.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> Self:
        """Parse s3://bucket/key, file:///path or a path. See `normalize`.

        Raises:
            ManifestError: it is none of these.
        """
        return cls(normalize(text, base))

    @classmethod
    def on_s3(cls, bucket: str, key: str) -> Self:
        """The URI of a key in a bucket, or of a prefix."""
        return cls(f"{S3_SCHEME}{bucket}/{key}")

    # ---- what it names ---------------------------------------------------------------------------------------------

    @property
    def root(self) -> "Uri":
        """The store that holds the object: its bucket, or its folder on disk."""
        return Uri(Path(self).parent if self.is_local else S3_SCHEME + self.bucket)

    @property
    def key(self) -> str:
        """The object's key in the store at `root`: all after the bucket, or the name of the file."""
        return Path(self).name if self.is_local else split_s3(self)[1]

    @property
    def bucket(self) -> str:
        """The bucket; "" for a path."""
        return split_s3(self)[0]

    @property
    def name(self) -> str:
        """The text after the last slash: the name of a file; "" for a folder that ends in a slash."""
        return self.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """Suffix of the last name, with its dot; "" if it has none."""
        return PurePosixPath(self).suffix

    # ---- what its store is like ------------------------------------------------------------------------------------

    @property
    def is_local(self) -> bool:
        """Whether it is a path: it may be a link or a folder, and each folder has its own permissions."""
        return not self.startswith(S3_SCHEME)

    def is_shared(self, folders: Iterable[str] = ()) -> bool:
        """Whether every machine of a cluster reaches it: it is on S3, or in one of `folders`, which they share."""
        return not self.is_local or any(is_below(self, folder) for folder in folders)

    @property
    def is_billed(self) -> bool:
        """Whether each request to it is billed."""
        return not self.is_local

    @property
    def hides_unfinished_uploads(self) -> bool:
        """Whether a killed upload leaves data that no listing shows. In a folder it leaves a file."""
        return not self.is_local

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Callable[[type], dict[str, Any]]) -> dict[str, Any]:
        """Let pydantic read a Uri from a stored document, where its text is already normalized.

        The schema is a plain dictionary, as pydantic_core defines it, so that this module does not import pydantic.
        """
        return {"type": "function-after", "function": {"type": "no-info", "function": cls}, "schema": handler(str)}


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path is that of a folder, or below it. Links are not resolved."""
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def normalize(text: str, base: Path | None = None, escape: Escape = str) -> str:
    """Normalize the text of a URI or a glob: s3:// stays as it is, all others become an absolute path.

    Relative paths start from `base`, by default the current directory. `~` at the start is the home folder. A
    trailing slash is kept, since it marks a folder. `escape` is for globs: it escapes what was not typed as a wildcard.

    Raises:
        ManifestError: it is not s3://bucket/key, file:///path or a path.
    """
    if text.startswith(S3_SCHEME):
        if not split_s3(text)[0]:
            raise ManifestError("the URI has no bucket", where=text, remedy="Write s3://bucket/key.")
        return text
    absolute = _one_slash(os.path.normpath(_absolute(text, base, escape)))
    return absolute + "/" if text.endswith("/") and absolute != "/" else absolute


def absolute_template(template: str, base: Path | None = None) -> str:
    """Make the template of a URI absolute, before names are filled in: s3:// or an absolute path.

    A "~", a "%2e" or a scheme in a name that is filled in later is then taken literally. So are braces in `base` and in
    the home folder, and percent-encoded ones: they are doubled.

    Raises:
        ManifestError: as `normalize` does.
    """
    return template if template.startswith(S3_SCHEME) else _one_slash(str(_absolute(template, base, double_braces)))


def _one_slash(path: str) -> str:
    """Return an absolute path with one slash at its start. POSIX leaves open what two mean; on Linux they mean one."""
    return "/" + path.lstrip("/")


def split_s3(text: str) -> tuple[str, str]:
    """Split the text of a URI, a glob or a template into bucket and key; both are "" if it is not on S3."""
    if not text.startswith(S3_SCHEME):
        return "", ""
    bucket, _, key = text.removeprefix(S3_SCHEME).partition("/")
    return bucket, key


def double_braces(text: str) -> str:
    """Escape braces of literal text in a template."""
    return text.replace("{", "{{").replace("}", "}}")


def expanded(path: str) -> Path:
    """Return a path with the home folder for "~" or "~user" at its start. In `./~name`, the "~" is part of the name.

    Raises:
        RuntimeError: there is no such user.
    """
    return Path(path).expanduser() if path.startswith("~") else Path(path)  # pathlib reads ./~name as ~name


def local_path(text: str, escape: Escape = str) -> str:
    """Return the path that a file: URI names, percent-decoded, or the text itself, which is a path.

    Raises:
        ManifestError: it has a host or another scheme.
    """
    if text.startswith(FILE_SCHEME):
        host, _, _ = text.removeprefix(FILE_SCHEME).partition("/")
        if host not in {"", "localhost"}:
            raise ManifestError(
                "the file: URI names another machine", where=text, remedy="Write file:///absolute/path."
            )
        path = text.removeprefix(FILE_SCHEME).removeprefix(host)
        # Bytes that are not UTF-8 become surrogates, as in Python's file names.
        return _ENCODED.sub(lambda encoded: escape(unquote(encoded[0], errors="surrogateescape")), path)
    scheme, separator, _ = text.partition("://")
    if separator and scheme.isalnum():
        raise ManifestError(
            f"unsupported URI scheme {scheme}://",
            where=text,
            remedy="Use s3://bucket/key, file:///path, or a plain path.",
        )
    return text


def _absolute(text: str, base: Path | None, escape: Escape) -> Path:
    folder = Path(escape(str((base or Path.cwd()).absolute())))
    if not text.startswith("~"):
        return folder / local_path(text, escape)
    home, slash, below = text.partition("/")
    try:
        return folder / (escape(str(expanded(home))) + slash + below)
    except RuntimeError as error:
        raise ManifestError("cannot determine the home folder", where=text) from error
