"""Behavior that only LocalStore has."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slomo_batch.errors import (
    AccessRefused,
    DiskFull,
    ObjectChanged,
    ObjectMissing,
    SlomoError,
    StorageBusy,
    StoreUnusable,
)
from slomo_batch.storage import local, local_errors
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.local_errors import storage_error


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_finished_write_leaves_nothing_but_the_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"")
    store.put_if_absent("a/c", b"1")
    store.put_if_absent("a/c", b"2")
    store.put_file("a/d", tmp_path / "a" / "b")
    assert files(tmp_path) == ["a", "a/b", "a/c", "a/d"]


def test_a_listing_is_in_key_order_across_folders(tmp_path: Path) -> None:
    names = ["a-b", "a.txt", "a/x-y", "a/x/z", "a0", "b/c/d/e", "Z", "é", "b/c.d"]
    for name in names:
        LocalStore(tmp_path).put(name, b"")
    assert [info.key for info in LocalStore(tmp_path).list()] == sorted(names, key=str.encode)


def test_an_unfinished_write_of_another_process_is_not_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with local._temporary(local._beside(tmp_path / "folder" / "big.mp4")) as (part, file):
        file.write(b"half")
        assert part.parent == tmp_path / "folder"
        assert list(store.list()) == []


def test_a_hidden_file_of_the_user_is_listed(tmp_path: Path) -> None:
    (tmp_path / ".hidden.mp4").write_bytes(b"")
    assert [info.key for info in LocalStore(tmp_path).list()] == [".hidden.mp4"]


def test_written_files_have_the_mode_that_people_expect(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "plain").write_bytes(b"")
    store.put("a", b"")
    store.put_file("b", tmp_path / "plain")
    modes = {(tmp_path / name).stat().st_mode for name in ("plain", "a", "b")}
    assert len(modes) == 1


def test_deleting_removes_folders_left_empty_but_never_the_root(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "root")
    store.put("a/b/c", b"")
    store.put("a/d", b"")
    store.delete(["a/b/c"])
    assert files(tmp_path) == ["root", "root/a", "root/a/d"]
    store.delete(["a/d"])
    assert files(tmp_path) == ["root"]


def test_a_write_finds_its_folder_while_another_removes_it(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from slomo_batch.storage.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
for turn in range(300):
    key = f"a/b/{sys.argv[2]}"
    store.put(key, b"data")
    assert store.get(key) == b"data"
    store.delete([key])
"""
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in ("one", "two")]
    assert [process.wait(240) for process in running] == [0, 0]


def test_a_link_to_a_folder_above_is_not_followed_round_and_round(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b/clip.mp4", b"")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to(".")
    assert [info.key for info in store.list()] == ["a/b/clip.mp4"]


def test_links_to_files_and_to_other_folders_are_followed(tmp_path: Path) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    LocalStore(elsewhere).put("folder/clip.mp4", b"12")
    root.mkdir()
    (root / "linked").symlink_to(elsewhere / "folder")
    (root / "one.mp4").symlink_to(elsewhere / "folder" / "clip.mp4")
    (root / "broken.mp4").symlink_to(elsewhere / "nothing")
    assert [(info.key, info.size_bytes) for info in LocalStore(root).list()] == [("linked/clip.mp4", 2), ("one.mp4", 2)]


def test_what_is_not_a_file_is_not_an_object(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    store = LocalStore(tmp_path)
    assert list(store.list()) == []
    with pytest.raises(ObjectMissing):
        store.head("folder")
    with pytest.raises(ObjectMissing):
        store.get("pipe.mp4")


@pytest.mark.parametrize("settled_ns", [-1, 10**18], ids=["cached", "hashed at every read"])
def test_a_file_written_again_with_its_size_and_time_kept_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled_ns: int
) -> None:
    monkeypatch.setattr(local, "SETTLED_NS", settled_ns)
    path, store = tmp_path / "clip.mp4", LocalStore(tmp_path)
    path.write_bytes(b"a" * 200_000)
    fingerprint = store.head("clip.mp4").fingerprint
    assert store.get_range("clip.mp4", 0, 2, fingerprint=fingerprint) == b"aa"
    before = path.stat()
    path.write_bytes(b"b" * 200_000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(ObjectChanged, match="changed"):
        store.get_range("clip.mp4", 0, 2, fingerprint=fingerprint)


def test_a_change_of_mode_alone_is_no_change(tmp_path: Path) -> None:
    path, store = tmp_path / "clip.mp4", LocalStore(tmp_path)
    path.write_bytes(b"data")
    fingerprint = store.head("clip.mp4").fingerprint
    path.chmod(0o600)
    assert store.get_range("clip.mp4", 0, 9, fingerprint=fingerprint) == b"data"


def test_a_fingerprint_is_the_same_for_every_process(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(bytes(200_000))
    assert LocalStore(tmp_path).head("clip.mp4") == LocalStore(tmp_path).head("clip.mp4")


def test_a_write_that_finds_no_room_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from slomo_batch.errors import StoreUnusable
from slomo_batch.storage.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
store.put("a", b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for key, write in (("a", store.put), ("b", store.put_if_absent), ("c", store.put)):
    try:
        write(key, bytes(10_000))
    except StoreUnusable as error:
        assert "no space left" in str(error), error
        assert "run again" in str(error), error
    else:
        raise AssertionError("it found room")
assert store.get("a") == b"old"
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=240)
    assert files(tmp_path) == ["a"]


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"")
    for key in ("a/b", "a/b/c"):
        with pytest.raises(AccessRefused, match="a file is in the place of a folder"):
            store.put(key, b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AccessRefused):
        store.put("folder", b"")


def test_a_name_too_long_is_said_to_be_too_long(tmp_path: Path) -> None:
    with pytest.raises(AccessRefused, match="shorter"):
        LocalStore(tmp_path).put("x" * 300, b"")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EACCES, AccessRefused),
        (errno.EROFS, AccessRefused),
        (errno.ENOENT, ObjectMissing),
        (errno.ESTALE, StorageBusy),
        (errno.EIO, StorageBusy),
        (errno.EOPNOTSUPP, StoreUnusable),
        (errno.EPIPE, StoreUnusable),
    ],
)
def test_failures_of_the_file_system_are_told_by_what_can_be_done(number: int, kind: type[SlomoError]) -> None:
    failure = storage_error(OSError(number, os.strerror(number), "/mnt/a"), "/mnt/a")
    assert type(failure) is kind
    reason = "no such file" if number == errno.ENOENT else os.strerror(number)
    assert reason in str(failure)
    assert failure.where == "/mnt/a"


def test_a_failure_elsewhere_than_the_object_names_the_place(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put("a", b"")
    with pytest.raises(ObjectMissing, match="no/such/folder"):
        store.put_file("b", tmp_path / "no/such/folder/file")


def test_failures_that_may_pass_are_tried_again_a_few_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_errors, "FIRST_WAIT_S", 0.0)
    tried: list[str] = []

    @local._retried
    def stale_twice(store: LocalStore, key: str) -> str:
        tried.append(key)
        if len(tried) <= 2:
            raise OSError(errno.ESTALE, "stale")
        return "done"

    assert stale_twice(LocalStore(tmp_path), "a") == "done"
    tried[:] = []

    @local._retried
    def always_stale(store: LocalStore, key: str) -> str:
        tried.append(key)
        raise OSError(errno.ESTALE, "stale")

    with pytest.raises(StorageBusy):
        always_stale(LocalStore(tmp_path), "a")
    assert len(tried) == local_errors.TRIES


def test_a_copied_file_is_read_back_from_the_disk(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(4 << 20))
    store = LocalStore(tmp_path / "store")
    before = bytes_read_from_disks()
    store.put_file("copy", source)
    if bytes_read_from_disks() == before and not is_on_a_disk(tmp_path):
        pytest.skip("this folder is in memory")
    assert bytes_read_from_disks() - before >= 4 << 20


def bytes_read_from_disks() -> int:
    """Bytes that this process had fetched from block devices (proc(5), read_bytes)."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["read_bytes"])


def is_on_a_disk(folder: Path) -> bool:
    """Whether the file system of a folder is on a block device."""
    return os.major(folder.stat().st_dev) != 0
