"""Locations: parsing, and what follows from one."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest

from slomo_batch.errors import ManifestError
from slomo_batch.serialization import digest, from_json, to_json, to_record
from slomo_batch.uri import Uri, absolute_template, normalize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clips/a.mp4", "/base/clips/a.mp4"),
        ("./clips/../a.mp4", "/base/a.mp4"),
        ("/abs/a.mp4", "/abs/a.mp4"),
        ("clips/", "/base/clips/"),
        (".", "/base"),
        ("/", "/"),
        ("file:///abs/a%20b.mp4", "/abs/a b.mp4"),
        ("file://localhost/abs/a.mp4", "/abs/a.mp4"),
        ("a b#c?.mp4", "/base/a b#c?.mp4"),
        ("s3://bucket/a/../b.mp4", "s3://bucket/a/../b.mp4"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_a_uri_has_one_spelling(text: str, expected: str) -> None:
    uri = Uri.parse(text, Path("/base"))
    assert type(uri) is Uri
    assert uri == expected
    assert Uri.parse(uri, Path("/elsewhere")) == uri


def test_a_relative_path_starts_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Uri.parse("a.mp4") == f"{tmp_path}/a.mp4"


def test_the_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert Uri.parse("~/clips") == "/home/me/clips"


@pytest.mark.parametrize("name", ["~", "~/a.mp4", "~nobody-at-all", "~nobody-at-all/a.mp4"])
def test_a_tilde_after_a_dot_is_part_of_the_name(name: str) -> None:
    assert Uri.parse(f"./{name}", Path("/base")) == f"/base/{name}"
    assert absolute_template(f"./{name}/{{stem}}.mp4", Path("/base")) == f"/base/{name}/{{stem}}.mp4"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("s3://", "the URI has no bucket"),
        ("s3:///key", "the URI has no bucket"),
        ("http://host/a.mp4", "unsupported URI scheme http://"),
        ("gs://bucket/a", "unsupported URI scheme gs://"),
        ("file://host/a.mp4", "the file: URI names another machine"),
        ("~nobody-at-all/x", "cannot determine the home folder"),
    ],
)
def test_a_location_of_no_store_is_refused(text: str, what: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Uri.parse(text, Path("/base"))
    assert str(caught.value).startswith(f"{text}: {what}")


def test_a_glob_is_normalized_but_is_no_uri() -> None:
    assert type(normalize("2019/**/*.mp4", Path("/base"))) is str
    assert normalize("2019/**/*.mp4", Path("/base")) == "/base/2019/**/*.mp4"


@pytest.mark.parametrize("text", ["/a/b.mp4", "//a/b.mp4", "///a//b.mp4", "file:////a/b.mp4"])
def test_slashes_at_the_start_of_a_path_count_once(text: str) -> None:
    """POSIX leaves open what two slashes mean. A video has one id however its path is written."""
    assert normalize(text) == "/a/b.mp4"
    assert normalize(absolute_template(text)) == "/a/b.mp4"
    assert not absolute_template(text).startswith("//")


def test_a_template_keeps_the_folders_that_names_may_change() -> None:
    assert absolute_template("out/{relpath}/../{stem}.mp4", Path("/base")) == "/base/out/{relpath}/../{stem}.mp4"
    assert absolute_template("file:///out%20/{stem}.mp4", Path("/base")) == "/out /{stem}.mp4"
    assert absolute_template("s3://bucket/%2e/{stem}.mp4", Path("/base")) == "s3://bucket/%2e/{stem}.mp4"


def test_braces_that_are_not_typed_are_literal_in_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/{me}")
    assert absolute_template("{{x}}/{stem}.mp4", Path("/{base}")) == "/{{base}}/{{x}}/{stem}.mp4"
    assert absolute_template("~/{stem}.mp4", Path("/{base}")) == "/home/{{me}}/{stem}.mp4"
    assert absolute_template("file:///%7Bname%7D/%C3%BC%/{stem}.mp4") == "/{{name}}/\u00fc%/{stem}.mp4"


@pytest.mark.parametrize(
    ("text", "root", "key"),
    [
        ("s3://bucket/a/b.mp4", "s3://bucket", "a/b.mp4"),
        ("s3://bucket/b.mp4", "s3://bucket", "b.mp4"),
        ("s3://bucket/a/", "s3://bucket", "a/"),
        ("s3://bucket/", "s3://bucket", ""),
        ("s3://bucket", "s3://bucket", ""),
        ("/a/b.mp4", "/a", "b.mp4"),
        ("/a/b/", "/a", "b"),
        ("/b.mp4", "/", "b.mp4"),
    ],
)
def test_a_uri_names_a_store_and_a_key_in_it(text: str, root: str, key: str) -> None:
    uri = Uri(text)
    assert (uri.root, uri.key) == (root, key)
    assert type(uri.root) is Uri


@pytest.mark.parametrize(
    ("text", "name", "suffix"),
    [
        ("s3://bucket/a/b.c.mp4", "b.c.mp4", ".mp4"),
        ("/a.b/c", "c", ""),
        ("/a/.hidden", ".hidden", ""),
        ("/a/", "", ""),
    ],
)
def test_a_uri_has_a_name_and_a_suffix(text: str, name: str, suffix: str) -> None:
    assert (Uri(text).name, Uri(text).suffix) == (name, suffix)


def test_a_bucket_is_billed_and_shared_by_machines_and_a_path_is_neither() -> None:
    remote, local = Uri.on_s3("bucket", "a/b.mp4"), Uri("/s3://bucket/a/b.mp4")
    assert remote == "s3://bucket/a/b.mp4"
    assert (remote.bucket, local.bucket) == ("bucket", "")
    assert (remote.is_local, local.is_local) == (False, True)
    assert (remote.is_shared(), local.is_shared()) == (True, False)
    assert (remote.is_billed, local.is_billed) == (True, False)
    assert (remote.hides_unfinished_uploads, local.hides_unfinished_uploads) == (True, False)


@pytest.mark.parametrize(
    ("path", "is_shared"),
    [
        ("/mnt/a", True),
        ("/mnt/a/b.mp4", True),
        ("/mnt/ab", False),
        ("/mnt", False),
        ("s3://b/c", True),
        ("/nfs/x", True),
    ],
)
def test_a_path_in_a_folder_that_machines_share_is_shared(path: str, *, is_shared: bool) -> None:
    assert Uri(path).is_shared(["/mnt/a", "/nfs"]) == is_shared
    assert Uri(path).is_shared(["/"])


@dataclass(frozen=True)
class Record:
    uri: Uri


@pytest.mark.parametrize("text", ["s3://bucket/\u00fcber.mp4", "/a b.mp4"])
def test_a_uri_is_its_text(text: str) -> None:
    uri = Uri(text)
    assert {text} == {uri}
    assert sorted([uri, "/"]) == sorted([text, "/"])
    assert (str(uri), repr(uri), f"{uri}", json.dumps(uri)) == (text, repr(text), text, json.dumps(text))
    assert digest(uri) == digest(text)
    assert Path(Uri(Path(text))) == Path(text)


def test_a_uri_comes_back_from_json_and_from_another_process() -> None:
    record = Record(Uri("s3://bucket/a.mp4"))
    read: tuple[Record, ...] = (
        from_json(Record, to_json(record)),
        to_record(Record, {"uri": "s3://bucket/a.mp4"}),
        pickle.loads(pickle.dumps(record)),
    )
    for one in read:
        assert one == record
        assert type(one.uri) is Uri
    assert to_json(record) == b'{"uri":"s3://bucket/a.mp4"}'
    with pytest.raises(ValueError, match="uri: expected text, got 1"):
        to_record(Record, {"uri": 1})
