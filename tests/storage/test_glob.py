"""Expansion of globs."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.manifest.path_overlap import glob_automaton
from slomo_batch.storage import folders
from slomo_batch.storage.glob import Glob, GlobMatch, _literal_prefix, _may_hold, absolute_glob, expand, matches
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.memory_store import MemoryStore


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("*.mp4", "a.mp4", True),
        ("*.mp4", "a/b.mp4", False),
        ("*.mp4", "a.MP4", False),
        ("*.mp4", ".hidden.mp4", True),
        ("**/*.mp4", "a.mp4", True),
        ("**/*.mp4", "a/b/c.mp4", True),
        ("2019/**/*.mp4", "2019/a.mp4", True),
        ("2019/**/*.mp4", "2019x/a.mp4", False),
        ("**/proxy/**", "proxy/a", True),
        ("**/proxy/**", "a/proxy/b/c", True),
        ("**/proxy/**", "a/proxy", False),
        ("a/**", "a/b/c", True),
        ("a/**", "ab", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("clip[0-9].mov", "clip7.mov", True),
        ("clip[!0-9].mov", "clip7.mov", False),
        ("clip[!0-9].mov", "clip/.mov", False),
        ("[ab]*", "b-roll", True),
        ("[[]1].mov", "[1].mov", True),
        ("[]]", "]", True),
        ("[z-a]", "m", False),
        ("a[", "a[", True),
        ("a.c", "abc", False),
        ("a+(b)|c^$\\", "a+(b)|c^$\\", True),
        ("[&&~~||--]", "&", True),
        ("", "", True),
        ("*", "line\nbreak", True),
    ],
)
def test_wildcards_mean_what_shells_mean(pattern: str, key: str, expected: bool) -> None:
    assert matches(pattern, key) is expected


ALPHABET = "ab/*?[]!-."


@given(st.text(ALPHABET, max_size=8), st.text("ab/[]!-.", max_size=8))
def test_what_the_manifest_judges_is_what_is_found(pattern: str, key: str) -> None:
    assert matches(pattern, key) == (key in glob_automaton(pattern))


@given(st.text(ALPHABET, max_size=8), st.text("ab/[]!-.", min_size=1, max_size=8))
def test_every_match_begins_with_the_prefix_that_is_listed(pattern: str, key: str) -> None:
    if matches(pattern, key):
        assert key.startswith(_literal_prefix(pattern))


@given(st.text("ab/*?.", max_size=8), st.lists(st.text("ab.", min_size=1, max_size=3), min_size=2, max_size=4))
def test_no_folder_that_holds_a_match_is_passed_over(pattern: str, names: list[str]) -> None:
    if matches(pattern, "/".join(names)):
        assert all(_may_hold(pattern, "/".join(names[:depth])) for depth in range(1, len(names)))


@pytest.mark.parametrize(
    ("text", "root", "pattern"),
    [
        ("s3://b/2019/**/*.mp4", "s3://b", "2019/**/*.mp4"),
        ("s3://b/2019/derby-*.mp4", "s3://b", "2019/derby-*.mp4"),
        ("s3://b/a.mp4", "s3://b", "a.mp4"),
        ("s3://b/2019/", "s3://b", "2019/"),
        ("s3://b", "s3://b", ""),
        ("/clips/**/*.mp4", "/clips", "**/*.mp4"),
        ("/clips/a.mp4", "/clips", "a.mp4"),
        ("/clips/", "/", "clips/"),
        ("/clips/[1]/a.mp4", "/clips", "[1]/a.mp4"),
        ("/*.mp4", "/", "*.mp4"),
        ("/", "/", ""),
    ],
)
def test_a_glob_splits_where_its_wildcards_begin(text: str, root: str, pattern: str) -> None:
    assert Glob.parse(text) == Glob(Uri(root), pattern, is_literal=not set(pattern) & set("*["))


@pytest.mark.parametrize(
    ("text", "root", "pattern", "is_literal"),
    [
        ("*.mp4", "/day[1]", "*.mp4", False),
        ("clips", "/day[1]", "clips", True),
        ("../100%/*.mp4", "/100%", "*.mp4", False),
        ("~/*.mp4", "/home/[me]", "*.mp4", False),
        ("/a/[[]1]/*.mp4", "/a", "[[]1]/*.mp4", False),
        ("file:///day%5B1%5D/*.mp4", "/day[1]", "*.mp4", False),
        ("file:///a/%2A%25-*.mp4", "/a", "[*]%-*.mp4", False),
        ("file:///a/%2a%3F%252A.mp4", "/a", "*?%2A.mp4", True),
        ("file:///a/*/%2E./b?/", "/a", "b?/", False),
        ("s3://b/%2A.mp4", "s3://b", "%2A.mp4", True),
    ],
)
def test_only_typed_wildcards_count(
    text: str, root: str, pattern: str, is_literal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/[me]")
    glob = Glob.parse(text, Path("/day[1]"))
    assert glob == Glob(Uri(root), pattern, is_literal=is_literal)
    assert Glob.parse(absolute_glob(text, Path("/day[1]"))) == glob


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clips/*.mp4", "/base/clips/*.mp4"),
        ("100%/%2A.mp4", "/base/100%/%2A.mp4"),
        ("file:///a%20b/*.mp4", "/a b/*.mp4"),
        ("file:///a%5B/100%/*.mp4", "file:///a%5B/100%25/*.mp4"),
        ("s3://b/%2A", "s3://b/%2A"),
    ],
)
def test_a_glob_is_a_file_uri_only_if_a_literal_name_has_wildcards(text: str, expected: str) -> None:
    assert absolute_glob(text, Path("/base")) == expected


@pytest.mark.parametrize(
    ("text", "whole", "below"),
    [
        ("s3://b/2019/**/*.mp4", "s3://b/2019/**/*.mp4", "s3://b/2019/x"),
        ("s3://b/2019/d*/x.mp4", "s3://b/2019/d*/x.mp4", "s3://b/2019/x"),
        ("s3://b/*.mp4", "s3://b/*.mp4", "s3://b/x"),
        ("s3://b", "s3://b/", "s3://b/x"),
        ("s3://b/folder/", "s3://b/folder/", "s3://b/folder/x"),
        ("clips", "/day[[]1]/clips", "/day[[]1]/clips/x"),
        ("*.mov", "/day[[]1]/*.mov", "/day[[]1]/x"),
        ("/*.mov", "/*.mov", "/x"),
        ("/", "/", "/x"),
        ("/a/[bc]/d.mov", "/a/[bc]/d.mov", "/a/x"),
    ],
)
def test_patterns_of_whole_uris(text: str, whole: str, below: str) -> None:
    glob = Glob.parse(text, Path("/day[1]"))
    assert (glob.whole, glob.below("x")) == (whole, below)


ARCHIVE = (
    "2019/a.mp4",
    "2019/b.mov",
    "2019/may/c.mp4",
    "2019/may/proxy/c.mp4",
    "2019/proxy/d.mp4",
    "2019/x[1].mp4",
    "2019/x1.mp4",
    "2019/[raw]/e.mp4",
    "2019/r/f.mp4",
    "2020/a.mp4",
)


@pytest.fixture(params=["local", "memory"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    store: ObjectStore = LocalStore(tmp_path / "archive") if request.param == "local" else MemoryStore()
    for key in ARCHIVE:
        store.put(key, key.encode())
    return store


def found(store: ObjectStore, pattern: str, excepts: Sequence[str] = ()) -> dict[str, str]:
    return {one.info.key: one.relpath for one in expand(store, pattern, excepts) if isinstance(one, GlobMatch)}


def test_a_glob_finds_its_matches_in_order_with_their_folders(archive: ObjectStore) -> None:
    assert list(found(archive, "2019/**/c.mp4").items()) == [
        ("2019/may/c.mp4", "may"),
        ("2019/may/proxy/c.mp4", "may/proxy"),
    ]
    assert found(archive, "*/a.mp4") == {"2019/a.mp4": "2019", "2020/a.mp4": "2020"}
    assert found(archive, "2019/*.mov") == {"2019/b.mov": ""}
    assert found(archive, "nothing/**") == {}


@pytest.mark.parametrize("folder", ["2019/", "2019"])
def test_a_folder_stands_for_everything_beneath_it(archive: ObjectStore, folder: str) -> None:
    assert set(found(archive, folder)) == {key for key in ARCHIVE if key.startswith("2019/")}
    assert found(archive, folder)["2019/may/proxy/c.mp4"] == "may/proxy"
    assert set(found(archive, "")) == set(ARCHIVE)
    assert found(archive, "201") == {}


def test_a_folder_with_wildcards_stands_for_all_such_folders(archive: ObjectStore) -> None:
    assert set(found(archive, "20*/may/")) == {"2019/may/c.mp4", "2019/may/proxy/c.mp4"}


def test_one_object_stands_for_itself(archive: ObjectStore) -> None:
    assert found(archive, "2019/may/c.mp4") == {"2019/may/c.mp4": ""}
    assert found(archive, "2019/may/none.mp4") == {}


def test_a_name_with_brackets_is_reached_by_that_name(archive: ObjectStore) -> None:
    assert found(archive, "2019/x[1].mp4") == {"2019/x[1].mp4": ""}
    assert found(archive, "2019/[raw]") == found(archive, "2019/[raw]/") == {"2019/[raw]/e.mp4": ""}
    assert found(archive, "2019/[[]raw]/*.mp4") == {"2019/[raw]/e.mp4": "[raw]"}
    assert found(archive, "2019/[raw]/*.mp4") == {"2019/r/f.mp4": "r"}
    archive.delete(["2019/x[1].mp4"])
    assert list(expand(archive, "2019/x[1].mp4", is_literal=True)) == []
    assert found(archive, "2019/x[1].mp4") == {"2019/x1.mp4": ""}


def test_what_is_excepted_is_left_out(archive: ObjectStore) -> None:
    assert set(found(archive, "2019/**/*.mp4", ["**/proxy/**", "x*"])) == {
        "2019/a.mp4",
        "2019/may/c.mp4",
        "2019/[raw]/e.mp4",
        "2019/r/f.mp4",
    }
    assert found(archive, "2019/may", ["proxy/"]) == {"2019/may/c.mp4": ""}
    assert found(archive, "2019/may/c.mp4", ["*.mp4"]) == {}
    assert set(found(archive, "2019/may", ["may/**"])) == {"2019/may/c.mp4", "2019/may/proxy/c.mp4"}


def test_folders_that_cannot_matter_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    for key in ("a.mp4", "huge/b.mp4", "closed/c.mp4", "deep/x/d.mp4"):
        store.put(key, b"")
    looked_into: list[str] = []
    opened = folders.open_folder

    def watched(root: Path, folder: str) -> object:
        looked_into.append(folder)
        return opened(root, folder)

    monkeypatch.setattr(folders, "open_folder", watched)
    assert set(found(store, "*.mp4")) == {"a.mp4"}
    assert {folder for folder in looked_into if folder} <= {"*.mp4"}
    looked_into.clear()
    assert set(found(store, "**/*.mp4", ["closed/**", "**/x/"])) == {"a.mp4", "huge/b.mp4"}
    assert not {"closed", "deep/x"} & set(looked_into)
