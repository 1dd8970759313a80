"""List folders in which some entries cannot be read: only they are missing, and each is reported."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slomo_batch.errors import AccessRefused, ObjectMissing, SlomoError, StorageBusy
from slomo_batch.storage import folders, local_errors
from slomo_batch.storage.folders import Unlisted
from slomo_batch.storage.local import LocalStore
from tests.strangers import as_stranger, open_folder


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_errors, "FIRST_WAIT_S", 0.0)


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def listed(root: Path) -> dict[str, type[SlomoError] | None]:
    """The listing by key: None for a file, else the class of its error."""
    found = LocalStore(root).list_entering("", lambda _folder: True)
    return {one.key: type(one.error) if isinstance(one, Unlisted) else None for one in found}


def test_links_that_lead_nowhere_hide_nothing_else(tmp_path: Path) -> None:
    for name in ("x/1.mp4", "x/2.mp4", "y/1.mp4"):
        LocalStore(tmp_path).put(name, b"")
    for name, target in {
        "dead": "nothing",
        "file": "1.mp4/below",
        "self": "self",
        "ring": "ring2",
        "ring2": "ring",
        "long": "n" * 300,
    }.items():
        (tmp_path / "x" / name).symlink_to(target)
    assert listed(tmp_path) == {"x/1.mp4": None, "x/2.mp4": None, "y/1.mp4": None}
    assert [found.key for found in LocalStore(tmp_path).list()] == ["x/1.mp4", "x/2.mp4", "y/1.mp4"]


def test_a_closed_folder_and_a_link_into_one_are_the_only_ones_missing(place: Path) -> None:
    store = LocalStore(place)
    for name in ("in/1.mp4", "in/lost+found/2.mp4", "in/x/3.mp4", "closed/4.mp4"):
        store.put(name, b"")
    (place / "in/link.mp4").symlink_to("../closed/4.mp4")
    for folder in ("closed", "in/lost+found"):
        (place / folder).chmod(0)
    with as_stranger():
        assert listed(place / "in") == {
            "1.mp4": None,
            "link.mp4": AccessRefused,
            "lost+found": AccessRefused,
            "x/3.mp4": None,
        }
        assert listed(place / "closed") == {"": AccessRefused}
        with pytest.raises(AccessRefused):
            list(LocalStore(place / "in").list())


def test_a_folder_that_vanishes_between_two_listings_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.mp4", "b/2.mp4", "c/3.mp4"):
        LocalStore(tmp_path).put(name, b"")
    read = folders.open_folder

    def emptied(root: Path, folder: str) -> object:
        if folder == "b":
            (tmp_path / "b/2.mp4").unlink()
            (tmp_path / "b").rmdir()
        return read(root, folder)

    monkeypatch.setattr(folders, "open_folder", emptied)
    assert listed(tmp_path) == {"a/1.mp4": None, "b": ObjectMissing, "c/3.mp4": None}
    assert [found.key for found in LocalStore(tmp_path).list()] == ["a/1.mp4", "c/3.mp4"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
@pytest.mark.parametrize("failures", [2, 99])
def test_an_entry_is_asked_again_where_its_failure_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, failures: int
) -> None:
    for name in ("1.mp4", "2.mp4", "3.mp4"):
        LocalStore(tmp_path).put(name, b"")
    ask, left = folders._content, [failures]

    def failing(entry: "os.DirEntry[str]") -> Iterator[tuple[str, folders.Content]]:
        if entry.name == "2.mp4" and left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number), entry.path)
        return ask(entry)

    monkeypatch.setattr(folders, "_content", failing)
    expected = None if failures == 2 else StorageBusy
    assert listed(tmp_path) == {"1.mp4": None, "2.mp4": expected, "3.mp4": None}
    assert failures - left[0] == min(failures, local_errors.TRIES)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder whose contents may be nested deeper than Python's own removal of folders can go."""
    yield tmp_path
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)


def nest(folder: Path, name: str, *, depth: int) -> None:
    """Make folders within folders, and a file in the last."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("1.mp4", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_folders_deeper_than_calls_can_be_are_listed(deep: Path) -> None:
    nest(deep, "d", depth=1500)
    assert listed(deep) == {"d/" * 1500 + "1.mp4": None}


def test_a_real_folder_whose_path_is_too_long_is_not_lost_in_silence(deep: Path) -> None:
    nest(deep, "d" * 250, depth=17)
    [(key, error)] = listed(deep).items()
    assert len(key) > 3700
    assert error is AccessRefused
