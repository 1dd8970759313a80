"""Folders without hard links, such as exFAT: put_if_absent stays atomic for all processes of one machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slomo_batch.storage.capability import check_access, check_put_if_absent
from slomo_batch.storage.final_names import has_hard_links
from slomo_batch.storage.local import LocalStore
from tests.storage.exfat import NotAvailable, mounted_exfat, refuse_link

NUM_RACERS = 5
NUM_KEYS = 25
REFUSE_LINKS = """
import os
from tests.storage import exfat
os.link = exfat.refuse_link
"""
ROOT = Path(__file__).parents[2]
RACE = """
import sys
from pathlib import Path
from slomo_batch.storage.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
won = [store.put_if_absent(f"race/{key}", f"{sys.argv[2]} {key}".encode()) for key in range(int(sys.argv[3]))]
print("".join(map(str, map(int, won))))
"""


@pytest.fixture(params=["refused", "exfat"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder without hard links: a simulated one everywhere, and a real one where exFAT can be mounted."""
    if request.param == "refused":
        monkeypatch.setattr(os, "link", refuse_link)
        yield tmp_path / "store"
        return
    try:
        with mounted_exfat(tmp_path) as root:
            yield root / "store"
    except NotAvailable as error:
        pytest.skip(str(error))


def test_of_many_processes_one_creates_each_object(folder: Path, request: pytest.FixtureRequest) -> None:
    program = (REFUSE_LINKS if "refused" in request.node.name else "") + RACE
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder), str(number), str(NUM_KEYS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(NUM_RACERS)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [racer.communicate(timeout=120)[0].strip() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * NUM_RACERS
    store = LocalStore(folder)
    for key in range(NUM_KEYS):
        [winner] = [number for number in range(NUM_RACERS) if won[number][key] == "1"]
        assert store.get(f"race/{key}") == f"{winner} {key}".encode()
    assert len(list(folder.rglob("*.part"))) == 0


def test_the_checks_of_a_work_place_pass(folder: Path) -> None:
    folder.mkdir()
    assert not has_hard_links(folder)
    store = LocalStore(folder)
    check_access(store, "probe", write=True)
    check_put_if_absent(store, lambda text: f"probes/{text}")
    assert list(folder.iterdir()) == []


def test_a_writer_that_is_killed_under_the_lock_leaves_no_object_and_no_lock(folder: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from slomo_batch.storage.local import LocalStore
Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
LocalStore(Path(sys.argv[1])).put_if_absent("commit", b"first")
"""
    killed = subprocess.run(
        [sys.executable, "-c", REFUSE_LINKS + program, str(folder)], check=False, cwd=ROOT, timeout=60
    )
    assert killed.returncode == -9
    store = LocalStore(folder)
    assert [info.key for info in store.list()] == []
    assert len(list(folder.iterdir())) == 1, "the temporary file, which gc deletes"
    assert store.put_if_absent("commit", b"second")
    assert store.get("commit") == b"second"


def test_a_folder_of_this_disk_has_hard_links(tmp_path: Path) -> None:
    assert has_hard_links(tmp_path)
    assert list(tmp_path.iterdir()) == []
