"""Make `made-by-5c59279.tar.xz` with the code of that commit. It was run once, at commit 5c59279.

    git worktree add /tmp/first 5c59279
    PYTHONPATH=/tmp/first:. python tests/upgrades/make_places.py

`slomo_batch` then is the first version's, and only this file and `places.py` are today's. Runs are stopped and killed
where a test needs them to end.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import slomo_batch
from tests.s3_server import S3Server, serving
from tests.upgrades import places

cli, interpolate, stitch, location = (
    import_module(f"slomo_batch.{name}") for name in ("cli", "steps.interpolate", "steps.stitch", "storage.location")
)
film = import_module("tests.clips.film")
"""By the first version's names: today they may be elsewhere."""
MTIME_NS = 1_700_000_000_123_456_789
"""Of the sources on disk."""
SOURCES = {
    "moving.mp4": film.made(film.Film(num_frames=12, options=film.GOP | {"g": "4"}, sounds=(film.Sound(),))),
    "network.mp4": film.made(film.Film(num_frames=3, options=film.GOP)),
    "broken.mp4": b"not a video\n" * 100,
}
EXIT_CODES = {"finished": 0, "half-done": 130, "uploaded": -signal.SIGKILL, "failed": 1}


def main() -> None:
    """Run every job in both places, and pack what they left."""
    root = Path(slomo_batch.__file__).parents[1]
    git = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert git.stdout.startswith(places.COMMIT), f"{root} is at {git.stdout}"
    with serving() as server, tempfile.TemporaryDirectory() as scratch:
        store = _bucket(server)
        shutil.rmtree(places.FOLDER, ignore_errors=True)
        for name, data in SOURCES.items():
            store.put(f"archive/{name}", data)
            path = places.FOLDER / "archive" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, ns=(MTIME_NS, MTIME_NS))
        for place in (places.ON_S3, places.ON_DISK):
            for job in places.JOBS:
                _run_apart(place, job, server, Path(scratch))
        _pack(store)
    shutil.rmtree(places.FOLDER)


def _bucket(server: S3Server) -> Any:
    """The bucket as an ObjectStore."""
    os.environ.update(server.env())
    with closing(server._client()) as client:
        client.create_bucket(Bucket=places.BUCKET)
    return location.open_store(location.StoreSpec(uri=places.ON_S3, options=server.options()))


def _run_apart(place: str, job: str, server: S3Server, scratch: Path) -> None:
    manifest = scratch / "manifest.yaml"
    manifest.write_text(places.manifest(place, job))
    command = [sys.executable, __file__, job, str(manifest)]
    run = subprocess.run(command, check=False, env={**os.environ, **server.env()})
    assert run.returncode == EXIT_CODES[job], (place, job, run.returncode)


def run_job(job: str, manifest: str) -> int:
    """Run one job in this process, which may not outlive it."""
    socket.gethostname = lambda: "maker"  # the runs that read this are on another machine
    if job == "half-done":
        vars(interpolate)["commit"] = _stopping(interpolate.commit)
    elif job == "uploaded":
        vars(stitch)["own"] = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    code: int = cli.main(["run", manifest])
    return code


def _stopping(commit: Any) -> Any:
    """Commits, and asks the run to stop when enough chunks are committed."""
    calls = []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == places.NUM_COMMITTED:
            os.kill(os.getpid(), signal.SIGINT)
        return commit(*arguments)

    return counted


def _pack(store: Any) -> None:
    files = sorted(path for path in places.FOLDER.rglob("*") if path.is_file())
    names = {path: str(path.relative_to(places.FOLDER)) for path in files}
    entries = {f"s3/{found.key}": store.get(found.key) for found in store.list("")}
    entries |= {f"disk/{name}": path.read_bytes() for path, name in names.items()}
    mtimes = {name: path.stat().st_mtime_ns for path, name in names.items()}
    entries[places.MTIMES] = json.dumps(mtimes).encode()
    with tarfile.open(places.ARCHIVE, "w:xz") as archive:
        for name, data in sorted(entries.items(), key=lambda entry: entry[0].rpartition(".")[2]):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        sys.exit(run_job(*sys.argv[1:]))
