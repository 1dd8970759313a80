"""Every error class stands in the tree, and crosses process borders whole."""

import ast
import copy
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from slomo_batch import errors
from slomo_batch.errors import JobError, ManifestError, SlomoError
from tests.architecture.project import modules, name_of, parsed


def subclasses(kind: type[SlomoError]) -> Iterator[type[SlomoError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


KINDS: list[type[SlomoError]] = [
    SlomoError,
    *(kind for kind in subclasses(SlomoError) if kind.__module__ == errors.__name__),
]


def with_every_field(kind: type[SlomoError]) -> SlomoError:
    """An error with all that its constructor takes."""
    given: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(kind).parameters.items())[1:]:
        given[name] = ("line 3: a fault", "line 9: another") if "tuple" in str(parameter.annotation) else f"the {name}"
    return kind("it happened", **given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling_with_its_fields_and_its_message(kind: type[SlomoError], protocol: int) -> None:
    error = with_every_field(kind)
    error.add_note("seen twice")
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is kind
    assert back.__dict__ == error.__dict__
    assert str(back) == str(error)
    assert back.args == error.args
    assert str(copy.copy(error)) == str(error)


def test_a_message_says_where_what_expected_got_and_what_to_do() -> None:
    error = errors.OutputInvalid("frames are missing", where="a.mp4", expected="96", got="95", remedy="Run it again")
    assert str(error) == "a.mp4: frames are missing, expected 96, got 95. Run it again"


def test_a_temporary_folder_is_left_out_of_every_part() -> None:
    error = errors.SegmentInvalid("no /tmp/x/a", where="/tmp/x/b, byte 3", got="errno 2: '/tmp/x/c'", remedy="Retry")
    error.remove_folder("/tmp/x")
    assert str(error) == "b, byte 3: no a, got errno 2: 'c'. Retry"
    assert pickle.loads(pickle.dumps(error)).where == "b, byte 3"


def test_the_faults_of_a_manifest_survive_pickling() -> None:
    error = ManifestError("2 faults", problems=("line 3: a", "line 4: b"), where="m.yaml")
    back: ManifestError = pickle.loads(pickle.dumps(error))
    assert back.problems == ("line 3: a", "line 4: b")


def test_error_classes_are_defined_in_one_module() -> None:
    known = {kind.__name__ for kind in KINDS}
    strays = [
        f"{name_of(path)}: {node.name}"
        for path in modules("slomo_batch")
        if path.name != "errors.py" or path.parent.name != "slomo_batch"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and known & {ast.unparse(base).split(".")[-1] for base in node.bases}
    ]
    assert strays == []


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = {}
    stem: list[str] = []
    for line in inspect.getdoc(errors).splitlines()[2:]:  # type: ignore[union-attr] # the module has one
        depth = len(line) - len(line.lstrip(" │├└─"))
        words = line[depth:].split()
        if not line.startswith(" ") or not words:
            continue
        level = (depth - 4) // 4
        stem = [*stem[:level], words[0]]
        drawn[words[0]] = stem[-2] if level else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS}


def test_exit_codes_are_the_ones_promised() -> None:
    assert {kind.exit_code for kind in KINDS} == {1, 2, 3, 4, 130}
    assert ManifestError.exit_code == 2
    assert errors.Interrupted.exit_code == 130
    assert {kind.exit_code for kind in KINDS if not issubclass(kind, JobError)} == {1}
