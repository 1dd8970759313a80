"""Parse YAML into mappings, lists and the text of scalars, with the line number of each value.

Only YAML's safe tags are supported. Scalars keep the text that was written and are not converted to numbers, dates or
booleans; an empty scalar is None. Problems that leave the rest readable are collected; the others end the parsing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.validation_errors import Path, Problem
from slomo_batch.sanitize import is_utf8

MAX_NODES = 200_000
"""Limit of entries in a document. Each use of an alias counts, because a few lines of them can fill all memory."""

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value"))


@dataclass(slots=True)
class Tree:
    """A parsed YAML text."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    """Line number of each value, from 1, by path."""
    problems: list[Problem] = field(default_factory=list)
    labels: Mapping[Path, str] = field(default_factory=dict)
    """Name of a value in messages, by path, if the value is not in this text (the arguments of `convert`)."""

    def line(self, path: Path) -> int:
        """Return the line of the value at `path`, or of the section that would contain it; 0 if there are no lines."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def located(self, problem: Problem) -> str:
        """Return a problem as text, with its line if it has one."""
        line = self.line(problem.path)
        return f"line {line}: {problem}" if line else str(problem)


def read_tree(text: str, *, where: str) -> Tree:
    """Read one YAML document.

    Raises:
        ManifestError: the text is not a valid YAML document, or more than one.
    """
    try:
        node = yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader)
        tree = Tree()
        if node is not None:
            tree.data = _YamlWalk(tree).value(node, ())
    except yaml.YAMLError as error:
        raise ManifestError("invalid YAML", problems=(_syntax_problem(error, text),), where=where) from error
    except RecursionError as error:
        raise ManifestError("the YAML is nested too deeply", where=where) from error
    except _Unreadable as error:
        raise ManifestError("invalid YAML", problems=(str(error),), where=where) from error
    return tree


class _Unreadable(Exception):
    """The document is YAML, but too large or recursive."""


def _syntax_problem(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: invalid character #x{int(error.character):04x}"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    problem = str(error.problem)
    if "another document" in problem:
        problem = "second YAML document; the file must have only one"
    if "'\\t'" in problem:
        problem = "tab character; indent YAML with spaces"
    context = f"{error.context}: " if error.context and "single document" not in error.context else ""
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {context}{problem}"


class _YamlWalk:
    """Converts YAML nodes to data, and collects their lines and problems in a tree."""

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
            raise _Unreadable(f"line {line}: an alias refers to a value that contains it")
        self._open.append(id(node))
        try:
            return self._known(node, path)
        finally:
            self._open.pop()

    def _known(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(entry, (*path, number)) for number, entry in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return None if node.tag == _TAG + "null" else str(node.value)
        tag = str(node.tag).replace(_TAG, "!!")
        self._tree.problems.append(Problem(path=path, text=f"unsupported tag {tag}"))
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
                self._tree.problems.append(
                    Problem(path=path, text="a key must be a single value, not a list or a mapping")
                )
        return {**merged, **own}

    def _entry(self, own: dict[str, Any], key_node: yaml.ScalarNode, value_node: yaml.Node, path: Path) -> None:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        inner = (*path, key)
        if not is_utf8(key):
            text = f"key {key!r} contains a lone surrogate"
            self._tree.lines[inner] = line
            self._tree.problems.append(Problem(path=inner, text=text, whole=True))
            return
        if key in own:
            first = self._tree.lines[inner]
            self._tree.problems.append(Problem(path=inner, text=f"duplicate key, on line {first} and line {line}"))
            return
        self._tree.lines[inner] = line
        own[key] = self.value(value_node, inner)

    def _merged(self, node: yaml.Node, path: Path) -> Mapping[str, Any]:
        """Return what `<<` merges in: a mapping, or a list of mappings, of which earlier ones take precedence."""
        value = self.value(node, path)
        merged: dict[str, Any] = {}
        for part in reversed(value) if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                merged |= part
            else:
                self._tree.problems.append(Problem(path=path, text="the merge key << requires a mapping"))
        return merged
