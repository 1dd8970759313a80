"""Output names, and overlapping paths."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.errors import SourceUnsupported
from slomo_batch.manifest.load import load
from slomo_batch.manifest.output_names import (
    PARTIAL_NAME,
    check_length,
    default_work,
    literal_suffix,
    output_collisions,
    relpath_of_row,
    render_output,
)
from slomo_batch.manifest.path_overlap import (
    _without_dots,
    glob_automaton,
    shortest_name,
    template_automaton,
    validate_paths,
)
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.storage import local
from slomo_batch.uri import Uri, normalize
from tests.manifest.manifests import with_inputs


@pytest.mark.parametrize(
    ("template", "relpath", "name", "expected"),
    [
        ("out/{stem}.mp4", "a/b", "c.mov", "out/c.mp4"),
        ("s3://o/{relpath}/{stem}.slomo.mp4", "a/b", "c.d.mov", "s3://o/a/b/c.d.slomo.mp4"),
        ("s3://o/{relpath}/{stem}.mp4", "", "c.mov", "s3://o/c.mp4"),
        ("{relpath}/{stem}.mp4", "", "c.mov", "c.mp4"),
        ("/{relpath}/{stem}.mp4", "", "c.mov", "/c.mp4"),
        ("o/{relpath}-{stem}.mp4", "", "c.mov", "o/-c.mp4"),
        ("o/x{relpath}/{stem}.mp4", "", "c.mov", "o/x/c.mp4"),
        ("o/{name}", "a", "c.mov", "o/c.mov"),
        ("o/{stem}.{ext}", "a", "c.mov", "o/c.mov"),
        ("o/{stem}.{ext}.mkv", "", "c", "o/c..mkv"),
        ("o/{{{stem}}}.mp4", "", "c.mov", "o/{c}.mp4"),
        ("o/{stem}.mp4", "", "{relpath}.mov", "o/{relpath}.mp4"),
        ("o/fixed.mp4", "a", "c.mov", "o/fixed.mp4"),
        ("o/{relpath}/{relpath}/{stem}.mp4", "", "c.mov", "o/c.mp4"),
    ],
)
def test_an_output_is_named_by_its_source(template: str, relpath: str, name: str, expected: str) -> None:
    assert render_output(template, relpath=relpath, name=name) == expected


@pytest.mark.parametrize(("relpath", "name"), [("..", "a.mov"), ("a/../..", "a.mov"), ("a/.", "a.mov"), ("a", "..")])
def test_no_name_of_a_source_moves_an_output_out_of_its_folder(relpath: str, name: str) -> None:
    with pytest.raises(SourceUnsupported):
        render_output("out/{relpath}/{stem}.mp4", relpath=relpath, name=name)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("out/{stem}/a.mp4", "...mp4"),
        ("out/{stem}/a.mp4", "..mp4"),
        ("out/{relpath}/{stem}./a.mp4", "..mp4"),
        ("s3://b/slow/{stem}/a.mp4", "...mp4"),
    ],
)
def test_no_stem_makes_a_folder_outside(template: str, name: str) -> None:
    with pytest.raises(SourceUnsupported):
        render_output(template, relpath="", name=name)


def test_a_template_itself_may_leave_the_folder() -> None:
    assert render_output("../out/./{stem}.mp4", relpath="", name="a.mov") == "../out/./a.mp4"


@pytest.mark.parametrize(
    ("written", "relpath"),
    [
        ("s3://b/2019/may/a.mp4", "2019/may"),
        ("s3://b/a.mp4", ""),
        ("clips/x/a.mov", "clips/x"),
        ("/data/x/a.mov", "data/x"),
        ("file:///data/x/a.mov", "data/x"),
        ("a.mov", ""),
        ("s3://b//x/a.mov", "x"),
        ("s3://b/100%25/a.mov", "100%25"),
        ("file:///a.mov", ""),
        ("file://localhost/a.mov", ""),
        ("file://localhost/data/x/a.mov", "data/x"),
        ("file:///data%20x/y%2Fz/a.mov", "data x/y/z"),
        ("./a.mov", ""),
        ("./~x/./y/a.mov", "~x/y"),
        ("../x/a.mov", "../x"),
    ],
)
def test_relpath_of_a_row_is_the_folder_that_it_writes(written: str, relpath: str) -> None:
    assert relpath_of_row(written) == relpath


@pytest.mark.parametrize(
    ("template", "suffix"),
    [
        ("o/{stem}.mp4", ".mp4"),
        ("o/{stem}.slomo.mkv", ".mkv"),
        ("o/{name}", None),
        ("o/{stem}.{ext}", None),
        ("o/{name}.mov", ".mov"),
        ("o/{stem}", ""),
        ("o.d/{stem}x", ""),
        ("o.d/out", ""),
    ],
)
def test_the_suffix_is_known_if_the_template_has_it(template: str, suffix: str | None) -> None:
    assert literal_suffix(template) == suffix


@pytest.mark.parametrize(
    ("template", "work"),
    [
        ("s3://o/{relpath}/{stem}.mp4", "s3://o/.slomo-work"),
        ("s3://o/x/pre-{stem}.mp4", "s3://o/x/.slomo-work"),
        ("out/{stem}.mp4", "out/.slomo-work"),
        ("{stem}.mp4", ".slomo-work"),
        ("/{stem}.mp4", "/.slomo-work"),
        ("/data/{relpath}/{stem}.mp4", "/data/.slomo-work"),
    ],
)
def test_the_default_work_place_is_beside_the_outputs(template: str, work: str) -> None:
    assert default_work(template) == work


def test_conflicts_between_outputs_and_inputs_are_reported() -> None:
    pairs = [("a/x.mov", "o/x.mp4"), ("b/x.mov", "o/x.mp4"), ("o/y.mp4", "o/z.mp4"), ("c/y.mov", "o/y.mp4")]
    assert output_collisions(pairs) == [
        "o/x.mp4: is the output of both a/x.mov and b/x.mov",
        "o/y.mp4: is also an input",
    ]
    assert output_collisions([("a", "b"), ("c", "d")]) == []


# ---- globs as automata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("a/*.mp4", ["a/x.mp4", "a/.mp4"], ["a/b/x.mp4", "a/x.mov", "x.mp4"]),
        ("a/**/*.mp4", ["a/x.mp4", "a/b/x.mp4", "a/b/c/x.mp4"], ["b/x.mp4", "a/x.mov"]),
        ("**/proxy/**", ["proxy/a", "x/proxy/a", "x/proxy/a/b"], ["proxy", "x/proxies/a"]),
        ("a/**", ["a/x", "a/b/x"], ["b/x", "a"]),
        ("?.mp4", ["x.mp4"], ["xx.mp4", ".mp4", "/.mp4"]),
        ("[ab-d]x", ["ax", "cx"], ["ex", "-x"]),
        ("[!a]x", ["bx"], ["ax", "/x"]),
        ("[[]1].mp4", ["[1].mp4"], ["1.mp4", "[1.mp4"]),
        ("[*]", ["*"], ["a"]),
    ],
)
def test_a_glob_matches_the_expected_names(pattern: str, inside: list[str], outside: list[str]) -> None:
    language = glob_automaton(pattern)
    assert [name for name in inside if name not in language] == []
    assert [name for name in outside if name in language] == []


SMALL = st.text("ab/*?", min_size=1, max_size=6)


def matches(pattern: str, name: str) -> bool:
    """The reference: the glob as a regular expression."""
    parts = re.findall(r"\*\*/|\*\*|\*|\?|.", pattern)
    expressions = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.fullmatch("".join(expressions.get(part, re.escape(part)) for part in parts), name) is not None


@given(SMALL, st.text("ab/", max_size=6))
def test_automata_agree_with_regular_expressions(pattern: str, name: str) -> None:
    assert (name in glob_automaton(pattern)) == matches(pattern, name)


@given(SMALL, SMALL, SMALL)
def test_the_shortest_name_is_in_both_and_not_excluded_and_without_one_there_is_no_name(
    one: str, two: str, out: str
) -> None:
    found = shortest_name((glob_automaton(one), glob_automaton(two)), (glob_automaton(out),))
    names = [found] if found is not None else ["".join(letters) for letters in _short_names()]
    hits = [name for name in names if matches(one, name) and matches(two, name) and not matches(out, name)]
    assert (found is not None) == bool(hits)


def _short_names() -> list[str]:
    names = [""]
    for _ in range(4):
        names += [name + letter for name in names for letter in "ab/" if len(name) < 4]
    return sorted(set(names))


def test_a_template_s_language_holds_every_name_it_gives() -> None:
    templates = ("o/{relpath}/{stem}.mp4", "o/{stem}.{ext}", "{relpath}/{name}", "o/{relpath}-{stem}.x")
    for template in (*templates, "o/{relpath}{relpath}/{name}", "{relpath}{relpath}{relpath}/{name}"):
        for relpath in ("", "a", "a/b"):
            for name in ("x.mov", "x.y.mov"):
                rendered = render_output(template, relpath=relpath, name=name)
                assert rendered in template_automaton(template, None), (template, rendered)
                assert rendered in template_automaton(template, "mov"), (template, rendered)


@pytest.mark.parametrize("relpath", ["", "a", "a/b", "a/b/c"])
@pytest.mark.parametrize(
    "template",
    [
        "/o/{relpath}/../{stem}.mp4",
        "/o/p/{relpath}/../../{stem}.mp4",
        "/o/{relpath}/../{relpath}/../{stem}.mp4",
        "/o/x{relpath}-{{{stem}}}/../{stem}.mp4",
        "/o/x}}y{relpath}/../{stem}.mp4",
        "/o/{relpath}/{stem}/../{stem}.mp4",
        "/{relpath}/../../{stem}.mp4",
        "/o/{{relpath}}/../{stem}.mp4",
        "/../o/p/../{stem}.mp4",
    ],
)
def test_a_template_with_dots_is_the_sum_of_some_without(template: str, relpath: str) -> None:
    name = normalize(render_output(template, relpath=relpath, name="x.mov"))
    templates = _without_dots(template)
    assert any(name in template_automaton(one, "mov") for one in templates), templates
    assert not any(".." in one for one in templates)


# ---- the check -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "output", "work"),
    [
        ("[{uri: 'clips/*.mov'}]", "clips/slow/{stem}.mp4", ""),
        ("[{uri: 'clips/*.mov'}]", "clips/{stem}.mp4", ""),
        ("[{uri: 'clips/**/*.mov'}]", "clips/slow/{stem}.mp4", "/tmp/w"),
        ("[{uri: 'clips/*.mp4', except: ['*.slomo.mp4']}]", "clips/{stem}.slomo.mp4", ""),
        ("[{uri: 'clips/**/*.mp4', except: ['**/slow/**']}]", "clips/slow/{stem}.mp4", "/tmp/w"),
        ("[{uri: 'clips/**/*.mp4', except: [slow/]}]", "clips/slow/{stem}.mp4", "/tmp/w"),
        ("[{uri: clips, except: [slow/]}]", "clips/slow/{stem}.mp4", "clips/slow/w"),
        ("[{uri: clips/a.mp4}]", "clips/{stem}.slomo.mp4", ""),
        ("[{uri: clips/a.mp4}, {uri: clips/b.mp4}]", "clips/{stem}.slomo.mp4", ""),
        ("[{uri: 's3://b/in/**'}]", "s3://b/out/{relpath}/{stem}.mp4", ""),
        ("[{uri: 's3://b/**/*.mov'}]", "s3://c/{relpath}/{stem}.mov", ""),
        ("[{uri: clips/}]", "clips-slow/{stem}.mp4", ""),
        ("[{uri: clips}]", "./clips2/{stem}.mp4", ""),
        ("[{uri: '**/*.mov'}]", "{relpath}/{stem}.mp4", "/tmp/w"),
        ("[{table: t.csv}]", "out/{relpath}/{stem}.mp4", ""),
        ("[{uri: '*.mov'}]", "{stem}.{ext}.mkv", ""),
        ("[{uri: 'in/out/*.mp4'}]", "in/out/{stem}/../../{stem}.mp4", "/tmp/w"),
        ("[{uri: out/clips/a.mp4}]", "out/{relpath}/../clips/{stem}.mp4", "/tmp/w"),
        ("[{uri: a.mp4}]", "file:///out%7Bx%7D/{stem}.mp4", ""),
        ("[{uri: in/...mp4}]", "out/{stem}/{name}", ""),
    ],
)
def test_disjoint_paths_are_accepted(inputs: str, output: str, work: str) -> None:
    assert load(with_inputs(inputs, output, f"work: {work}\n"), where="job.yaml").output.uri == output


@pytest.mark.parametrize(
    ("inputs", "output", "work", "example"),
    [
        ("[{uri: 'clips/*.mp4', except: ['*.slow.mp4']}]", "clips/{stem}.slomo.mp4", "", "clips/x.slomo.mp4"),
        ("[{uri: ./clips}]", "{relpath}/{stem}.mp4", "/tmp/w", "clips/"),
        ("[{uri: '**/*.mov'}]", "out/{relpath}/{name}", "/tmp/w", "out/x.mov"),
        ("[{uri: 's3://b/**'}]", "s3://b/{stem}.mp4", "", "s3://b/x.mp4"),
        ("[{uri: s3://b}]", "s3://b/{stem}.mp4", "", "s3://b/x.mp4"),
        ("[{uri: 'a/../clips/*.mp4'}]", "clips/{stem}.mp4", "", "clips/x.mp4"),
        ("[{uri: clips/a.mp4}, {uri: clips/a.slomo.mp4}]", "clips/{stem}.slomo.mp4", "", "clips/a.slomo.mp4"),
        ("[{uri: 'clips/*.mp4'}, {uri: a.mov}]", "clips/a.{ext}.mp4", "", "clips/a."),
        ("[{uri: 'in/**'}]", "out/{stem}.mp4", "in", "in"),
        ("[{uri: 'in/**'}]", "out/{stem}.mp4", "in/deep/w", "in/deep/w"),
        ("[{uri: 's3://b/**/*.mov'}]", "s3://b/out/{stem}.mp4", "", "s3://b/out/.slomo-work"),
        ("[{uri: 'in/a/*.mp4'}]", "in/{relpath}/../{stem}.mp4", "/tmp/w", "in/a/x.mp4"),
        ("[{uri: clips/a.mp4}]", "out/{relpath}/../clips/{stem}.mp4", "/tmp/w", "clips/a.mp4"),
        ("[{uri: 'clips/*.mp4'}]", "x/{stem}/../../clips/{stem}.mp4", "/tmp/w", "clips/x.mp4"),
    ],
)
def test_overlapping_paths_are_reported_with_an_example(inputs: str, output: str, work: str, example: str) -> None:
    bare = load(with_inputs(inputs, "/elsewhere/{relpath}/{stem}.mp4", "work: /elsewhere-too\n"), where="job.yaml")
    faults = validate_paths(bare.inputs, output, work or default_work(output))
    assert len(faults) == 1
    assert example in faults[0].text


def test_relative_and_absolute_forms_of_a_path_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = InputSpec.model_validate({"uri": f"{tmp_path}/clips/*.mp4"})
    assert validate_paths([spec], "clips/{stem}.slow.mp4", "work") != []
    assert validate_paths([spec], f"file://{tmp_path}/clips/{{stem}}.slow.mp4", "work") != []
    assert validate_paths([spec], f"file://{tmp_path}/out/{{stem}}.slow.mp4", "work") == []


@pytest.mark.parametrize(
    ("uri", "output", "is_refused"),
    [
        ("*.mp4", "{stem}.mp4", True),
        ("*.mp4", "../day1/{stem}.mp4", False),
        ("clips", "clips/{stem}.mp4", True),
        ("clips", "../day1/clips/{stem}.mp4", False),
        ("file:///a/%2A.mp4", "/a/{stem}.mp4", True),  # the output of one file, *.mp4, is the file itself
        ("file:///a/%2A.mp4", "/a/x-{stem}.mp4", False),
        ("file:///a%5B1%5D/*.mp4", "/a1/{stem}.mp4", False),
        ("file:///a%5B1%5D/*.mp4", "/a[1]/{stem}.mp4", True),
    ],
)
def test_only_typed_wildcards_overlap(
    uri: str, output: str, is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "day[1]").mkdir()
    monkeypatch.chdir(tmp_path / "day[1]")
    assert bool(validate_paths([InputSpec.model_validate({"uri": uri})], output, "/w")) == is_refused


def test_braces_of_the_current_folder_are_literal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "{stem}{x}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for output, is_refused in (("a.mp4", True), ("{stem}.mp4", True), ("out/{stem}.mp4", False)):
        assert bool(validate_paths([InputSpec.model_validate({"uri": "a.mp4"})], output, "work")) == is_refused


@pytest.mark.parametrize(
    ("uri", "too_long"),
    [
        (f"/out/{'s' * 255}", ""),
        (f"/out/{'s' * 256}", "name"),
        (f"/{'é' * 127}/a.mp4", ""),
        (f"/{'é' * 128}/a.mp4", "name"),
        (f"/out/{chr(0xDCE9) * 255}", ""),
        (f"/out/{chr(0xDCE9) * 256}", "name"),
        ("/d" * 2025 + "/a.mp4", ""),
        ("/d" * 2026 + "/a.mp4", "path"),
        ("/d" * 1990 + "/" + "s" * 200, "path"),
        (f"s3://bucket/{'é' * 512}", ""),
        (f"s3://bucket/{'é' * 512}s", "key"),
        (f"s3://bucket/{'s' * 300}/a.mp4", ""),
    ],
)
def test_an_output_name_may_be_as_long_as_its_partial_name_allows(uri: str, too_long: str) -> None:
    if not too_long:
        check_length(Uri(uri))
        return
    with pytest.raises(SourceUnsupported, match=f"the {too_long} of the output is too long"):
        check_length(Uri(uri))


def test_the_name_of_a_partial_output_is_as_long_as_the_stores() -> None:
    assert len(PARTIAL_NAME) == len(local._beside(Path("/out/a.mp4")).name)
