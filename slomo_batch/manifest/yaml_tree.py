"""YAML text as plain mappings, lists and the characters of scalars, with the line of everything.

Only what YAML's safe part can say is read. Scalars stay as they were written, nothing is turned into a number, a date
or a truth value; an empty one is None. Faults that leave the rest readable are collected, the others end the reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.validation_errors import Path, Problem, dotted
from slomo_batch.sanitize import is_text

MAX_NODES = 200_000
"""Entries of a document, aliases counted each time: a few lines of them can otherwise fill all memory."""

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value"))


@dataclass(slots=True)
class Tree:
    """What a YAML text says."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    """Line, from 1, of everything, by path."""
    faults: list[Problem] = field(default_factory=list)
    labels: Mapping[Path, str] = field(default_factory=dict)
    """How a person wrote what stands at a path, where it was not in this text."""

    def line(self, path: Path) -> int:
        """Line of what stands at `path`, or of what would hold it; 0 when the text has no lines."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def read_tree(text: str, *, where: str) -> Tree:
    """Read one YAML document.

    Raises:
        ManifestError: it is not YAML, or not one document.
    """
    try:
        node = yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader)
        tree = Tree()
        if node is not None:
            tree.data = _Walk(tree).value(node, ())
    except yaml.YAMLError as error:
        raise ManifestError("is not YAML", problems=(_syntax_fault(error, text),), where=where) from error
    except RecursionError as error:
        raise ManifestError("is nested too deeply to be a manifest", where=where) from error
    except _Unreadable as error:
        raise ManifestError("cannot be read", problems=(str(error),), where=where) from error
    return tree


class _Unreadable(Exception):
    """The document is YAML, but nothing that can be walked to its end."""


def _syntax_fault(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: a character that text does not hold: #x{int(error.character):04x}"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    problem = str(error.problem)
    if "another document" in problem:
        problem = "a second document begins here; a manifest is one"
    if "'\\t'" in problem:
        problem = "a tab stands here; YAML is indented by spaces only"
    context = f"{error.context}: " if error.context and "single document" not in error.context else ""
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {context}{problem}"


class _Walk:
    """Turns YAML's nodes into data, noting lines and faults in a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._num_nodes = 0
        self._open: list[int] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self._tree.lines.setdefault(path, line)
        self._num_nodes += 1
        if self._num_nodes > MAX_NODES:
            raise _Unreadable(f"line {line}: more than {MAX_NODES:,} entries, aliases included")
        if id(node) in self._open:
            raise _Unreadable(f"line {line}: an alias stands for something that it is part of")
        self._open.append(id(node))
        try:
            return self._known(node, path, line)
        finally:
            self._open.pop()

    def _known(self, node: yaml.Node, path: Path, line: int) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(entry, (*path, number)) for number, entry in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return None if node.tag == _TAG + "null" else str(node.value)
        tag = str(node.tag).replace(_TAG, "!!")
        self._tree.faults.append(Problem(path=path, text=f"the tag {tag} means nothing here (line {line})"))
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged |= self._merged(value_node, path)
            elif isinstance(key_node, yaml.ScalarNode):
                self._entry(own, key_node, value_node, path)
            else:
                self._tree.faults.append(Problem(path=path, text="a key is one word, not a list or a mapping"))
        return {**merged, **own}

    def _entry(self, own: dict[str, Any], key_node: yaml.ScalarNode, value_node: yaml.Node, path: Path) -> None:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        inner = (*path, key)
        if not is_text(key):
            text = f"the key {key!r} holds half of a character (a lone surrogate)"
            self._tree.lines[inner] = line
            self._tree.faults.append(Problem(path=inner, text=text, whole=True))
            return
        if key in own:
            first = self._tree.lines[inner]
            self._tree.faults.append(Problem(path=inner, text=f"stands twice, on line {first} and on line {line}"))
            return
        self._tree.lines[inner] = line
        own[key] = self.value(value_node, inner)

    def _merged(self, node: yaml.Node, path: Path) -> Mapping[str, Any]:
        """What `<<` brings in: a mapping, or a list of them of which the first wins."""
        value = self.value(node, path)
        merged: dict[str, Any] = {}
        for part in reversed(value) if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                merged |= part
            else:
                self._tree.faults.append(Problem(path=path, text=f"<< at {dotted(path) or 'the top'} takes a mapping"))
        return merged
