"""The videos of a manifest's inputs, some of which cannot be read or named."""

import errno
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from slomo_batch.commands.triage import triage
from slomo_batch.errors import AccessRefused, ManifestError, StorageBusy
from slomo_batch.manifest.inputs import FoundVideos, find_videos
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.single_video import single
from slomo_batch.plan.job_pin import JobPin, MethodPin, WeightsPin
from slomo_batch.storage import folders, local_errors
from slomo_batch.storage.existence import find_existing
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, locate, open_context
from tests.s3_server import S3Server
from tests.strangers import as_stranger, open_folder

LOCATE = partial(locate, s3=S3Options())


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_folder() as folder:
        monkeypatch.chdir(folder)
        yield folder


def manifest(*inputs: str, output: str = "out/{relpath}/{stem}.mp4", excepts: str = "") -> Manifest:
    entries = [{"uri": uri, **({"except": [excepts]} if excepts else {})} for uri in inputs]
    data = {"version": 1, "name": "job", "inputs": entries, "output": {"uri": output}, "work": "work"}
    return load(yaml.safe_dump(data), where="job.yaml")


def fill(place: Path, *names: str) -> None:
    for name in names:
        LocalStore(place).put(name, b"video")


def names(found: FoundVideos) -> list[str]:
    return [os.path.relpath(request.source.uri) for request in found.requests]


def failures(found: FoundVideos) -> dict[str, str]:
    return {os.path.relpath(failed.source_uri): failed.error for failed in found.missing}


@pytest.mark.parametrize("uri", ["in", "in/", "in/**/*.mp4", "in/*/*.mp4"])
def test_a_dead_link_hides_no_other_file_of_its_folder(place: Path, uri: str) -> None:
    fill(place, "in/x/1.mp4", "in/y/1.mp4")
    (place / "in/x/bad").symlink_to("1.mp4/old")
    (place / "in/self").symlink_to("self")
    found = find_videos(manifest(uri), LOCATE)
    assert names(found) == ["in/x/1.mp4", "in/y/1.mp4"]
    assert found.missing == ()


@pytest.mark.parametrize("uri", ["in", "in/**/*.mp4", "in/*/"])
def test_a_closed_folder_fails_alone_and_can_be_left_out(place: Path, uri: str) -> None:
    fill(place, "in/a/1.mp4", "in/lost+found/2.mp4", "in/b/3.mp4", "in/link/4.mp4")
    (place / "in/lost+found").chmod(0)
    with as_stranger():
        found = find_videos(manifest(uri), LOCATE)
        assert names(found) == ["in/a/1.mp4", "in/b/3.mp4", "in/link/4.mp4"]
        assert failures(found) == {"in/lost+found": "AccessRefused"}
        reason = found.missing[0].reason
        assert "cannot be read, got Permission denied" in reason
        assert "`except`" in reason
        for left_out in ("lost+found/", "lost+found"):
            assert find_videos(manifest(uri, excepts=left_out), LOCATE).missing == ()


def test_an_unreadable_folder_that_cannot_match_is_ignored(place: Path) -> None:
    fill(place, "in/1.mp4", "closed/2.mp4", "in/lost+found/3.mp4")
    (place / "in/link.txt").symlink_to("../closed/2.mp4")
    (place / "in/link.mp4").symlink_to("../closed/2.mp4")
    for folder in ("closed", "in/lost+found"):
        (place / folder).chmod(0)
    with as_stranger():
        found = find_videos(manifest("in/*.mp4"), LOCATE)
    assert (names(found), failures(found)) == (["in/1.mp4"], {"in/link.mp4": "AccessRefused"})


@pytest.mark.parametrize("uri", ["closed", "closed/1.mp4", "closed/clip", "closed/dir.mp4", "closed/*.mp4"])
def test_an_input_that_is_closed_fails_alone(place: Path, uri: str) -> None:
    fill(place, "closed/1.mp4", "closed/clip", "closed/dir.mp4/2.mp4", "in/3.mp4")
    (place / "closed").chmod(0)
    with as_stranger():
        found = find_videos(manifest(uri, "in"), LOCATE)
    assert names(found) == ["in/3.mp4"]
    assert list(failures(found).values()) == ["AccessRefused"]


def test_a_file_without_a_suffix_is_found_by_its_name_only(place: Path) -> None:
    fill(place, "in/clip", "in/notes.txt", "in/1.mp4")
    assert names(find_videos(manifest("in/clip", output="out/{stem}.mp4"), LOCATE)) == ["in/clip"]
    assert names(find_videos(manifest("in/notes.txt"), LOCATE)) == ["in/notes.txt"]
    assert names(find_videos(manifest("in"), LOCATE)) == ["in/1.mp4"]


def test_a_literal_name_with_wildcards_names_one_file_and_is_reported_as_typed(place: Path) -> None:
    fill(place, "in/a[1].mp4", "in/a1.mp4", "in/a[[]1].mp4")
    found = find_videos(single("in/a[1].mp4", "out.mp4", settings=(), flags=()), LOCATE)
    assert (names(found), found.empty) == (["in/a[1].mp4"], ())
    found = find_videos(single("in/*.mp4", "out.mp4", settings=(), flags=()), LOCATE)
    assert (names(found), failures(found)) == ([], {"in/*.mp4": "ObjectMissing"})


def test_only_typed_wildcards_match(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(place, "day[1]/in/*.mp4", "day[1]/in/b.mp4", "day[1]/in/b.txt", "day1/in/c.mp4")
    monkeypatch.chdir(place / "day[1]")
    both = {"in/*.mp4": "out/*.mp4", "in/b.mp4": "out/b.mp4"}
    one = {"in/*.mp4": "out/*.mp4"}
    for uri, expected in {
        "in/?.mp4": both,
        "in": both,
        "in/b.mp4": {"in/b.mp4": "out/b.mp4"},
        f"file://{place}/day%5B1%5D/in": both,
        f"file://{place}/day%5B1%5D/in/?.mp4": both,
        f"file://{place}/day%5B1%5D/in/%2a.mp4": one,
        f"file://{place}/day%5B1%5D/i*/%2a.mp4": {"in/*.mp4": "out/in/*.mp4"},
    }.items():
        requests = find_videos(manifest(uri), LOCATE).requests
        found = {os.path.relpath(each.source.uri): os.path.relpath(each.output_uri) for each in requests}
        assert found == expected, uri
    missing = find_videos(manifest(f"file://{place}/day%5B1%5D/in/%3F.mp4"), LOCATE).missing
    assert [failed.error for failed in missing] == ["ObjectMissing"]


def test_an_object_without_a_suffix_is_found_by_its_name(s3: S3Server) -> None:
    bucket = f"s3://{s3.make_bucket()}"
    at = partial(locate, s3=s3.options())
    store, _ = at(Uri(f"{bucket}/any"))
    for key in ("obj/3f2a77c0-11", "obj/readme", "obj/1.mp4"):
        store.put(key, b"video")
    for uri, expected in ((f"{bucket}/obj/3f2a77c0-11", "obj/3f2a77c0-11"), (f"{bucket}/obj", "obj/1.mp4")):
        assert [one.source.uri for one in find_videos(manifest(uri), at).requests] == [f"{bucket}/{expected}"]


def test_an_output_with_a_name_that_is_too_long_fails_its_video_alone(place: Path) -> None:
    fits, long = "s" * (255 - len(".slomo.mp4")), "s" * 251
    fill(place, f"in/{fits}.mp4", f"in/{long}.mp4")
    found = find_videos(manifest("in", output="out/{stem}.slomo.mp4"), LOCATE)
    assert names(found) == [f"in/{fits}.mp4"]
    assert failures(found) == {f"in/{long}.mp4": "SourceUnsupported"}
    assert "the name of the output is too long, expected at most 255 bytes, got 261" in found.missing[0].reason


def test_outputs_that_cannot_be_checked_are_marked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(place, "out/a.mp4", "out/file", "closed/a.mp4")
    (place / "closed").chmod(0)
    (place / "out/dead.mp4").symlink_to("nothing")
    (place / "out/linked.mp4").symlink_to("a.mp4")
    ask = folders.status_of

    def failing(path: Path) -> os.stat_result | None:
        if path.name == "stale.mp4":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return ask(path)

    monkeypatch.setattr("slomo_batch.storage.local.status_of", failing)
    monkeypatch.setattr(local_errors, "FIRST_WAIT_S", 0.0)
    present = ["out/a.mp4", "out/linked.mp4"]
    absent = ["out/b.mp4", "none/b.mp4", "out/file/b.mp4", "out/dead.mp4"]
    unknown = ["closed/a.mp4", "closed/b.mp4", f"out/{'s' * 300}.mp4", "out/stale.mp4"]
    with as_stranger():
        found = find_existing([Uri(place / name) for name in (*present, *absent, *unknown)], LOCATE)
    assert found.present == {str(place / name) for name in present}
    assert set(found.unknown) == {str(place / name) for name in unknown}
    assert {type(error) for error in found.unknown.values()} == {AccessRefused, StorageBusy}


def test_an_output_that_cannot_be_checked_fails_its_video_alone(place: Path) -> None:
    fill(place, "in/a/1.mp4", "in/b/2.mp4")
    (place / "out/a").mkdir(parents=True)
    (place / "out/a").chmod(0)
    asked = manifest("in")
    context = open_context(JobEnvironment(work_uri=Uri(f"{place}/work"), job="job"))
    requests = find_videos(asked, context.locate).requests
    compact = WeightsPin(name="compact-1", sha256="0", network="superslomo-compact")
    pin = JobPin(
        pixel_revision=1,
        precision="fp32",
        threads=1,
        nvenc_works=False,
        methods={"superslomo": MethodPin(weights={"compact": compact})},
    )
    with as_stranger():
        piles = triage(requests, pin, context, retry_failed=False)
    assert [os.path.relpath(one.request.output_uri) for one in piles.wanted] == ["out/b/2.mp4"]
    [refused] = piles.refused
    assert (os.path.relpath(refused.failed.output_uri), refused.failed.error) == ("out/a/1.mp4", "AccessRefused")
    assert "Permission denied" in refused.failed.reason


@pytest.mark.parametrize("linked", ["output", "input", "file"])
def test_an_output_that_is_a_source_through_a_link_is_an_error(place: Path, linked: str) -> None:
    fill(place, "in/a.mp4", "other/b.mp4")
    (place / "link").symlink_to("in")
    (place / "other/a.mp4").symlink_to("../in/a.mp4")
    uri, output = {"output": ("in/a.mp4", "link"), "input": ("link/a.mp4", "in"), "file": ("other/a.mp4", "in")}[linked]
    with pytest.raises(ManifestError, match="conflicting outputs") as caught:
        find_videos(manifest(uri, output=f"{output}/{{stem}}.mp4"), LOCATE)
    assert caught.value.problems == (f"{place}/in/a.mp4: is also an input",)


def test_outputs_that_are_one_file_through_a_link_are_an_error(place: Path) -> None:
    fill(place, "in/x/a.mp4", "in/y/a.mp4", "out/x/none")
    (place / "out/y").symlink_to("x")
    with pytest.raises(ManifestError, match="conflicting outputs"):
        find_videos(manifest("in"), LOCATE)


def test_links_among_inputs_and_links_that_outputs_replace_are_no_collision(place: Path) -> None:
    fill(place, "in/a.mp4", "out/none")
    (place / "in/b.mp4").symlink_to("a.mp4")
    (place / "out/a.mp4").symlink_to("../in/a.mp4")
    found = find_videos(manifest("in"), LOCATE)
    assert len(found.requests) == 2
