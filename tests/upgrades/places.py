"""The archive `made-by-5c59279.tar.xz`: sources, outputs and work places that commit 5c59279 left, on S3 and on disk.

`make_places.py` made it, at that very commit. Ids digest URIs and fingerprints, so the places come back where they
were: in a bucket of that name, where a fingerprint is an ETag, and in a folder of that path with the same mtimes.

    finished    two videos, published: one by blend, one by shipped weights
    half-done   one video with audio; stopped after two of its six chunks
    uploaded    one video, killed between its upload and its receipt
    failed      a source that is no video
"""

import fcntl
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

COMMIT = "5c59279"
BUCKET = f"slomo-made-by-{COMMIT}"
FOLDER = Path(f"/tmp/slomo-made-by-{COMMIT}")
ON_S3, ON_DISK = f"s3://{BUCKET}", str(FOLDER)
ARCHIVE = Path(__file__).parent / f"made-by-{COMMIT}.tar.xz"
MTIMES = "mtimes.json"
"""In the archive: nanoseconds since 1970, by path below FOLDER."""

NUM_CHUNKS, NUM_COMMITTED = 6, 2
"""Of the half-done video."""
_METHODS = {"finished": "blend", "half-done": "blend", "uploaded": "duplicate", "failed": "blend"}
JOBS = tuple(_METHODS)


def manifest(root: str, job: str) -> str:
    """The manifest of one of JOBS in one of the two places, ON_S3 or ON_DISK."""
    inputs: list[dict[str, Any]] = [{"uri": f"{root}/archive/{'broken' if job == 'failed' else 'moving'}.mp4"}]
    if job == "finished":
        inputs.append({"uri": f"{root}/archive/network.mp4", "interpolate": {"method": "superslomo"}})
    return yaml.safe_dump(
        {
            "version": 1,
            "name": job,
            "inputs": inputs,
            "output": {"uri": f"{root}/out/{job}/{{stem}}.mp4"},
            "work": f"{root}/work",
            "retime": {"slowdown": 2},
            "interpolate": {"method": _METHODS[job]},
            "encode": {"preset": "ultrafast"},
            "chunks": {"pairs": 2},
            "cluster": {"address": "inline", "workers": {"max": 1}},
        }
    )


def objects() -> dict[str, bytes]:
    """The contents of the bucket, by key."""
    return _entries("s3/")


@cache
def _archive() -> dict[str, bytes]:
    entries = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            entries[member.name] = file.read()
    return entries


def _entries(prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): data for name, data in _archive().items() if name.startswith(prefix)}


@contextmanager
def folder_at_its_path() -> Iterator[Path]:
    """The folder with its files and their mtimes. The path is part of the ids, so one process at a time has it."""
    with Path(f"{FOLDER}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(FOLDER, ignore_errors=True)
        try:
            _restore_folder()
            yield FOLDER
        finally:
            shutil.rmtree(FOLDER)


def _restore_folder() -> None:
    mtimes = json.loads(_archive()[MTIMES])
    for name, data in _entries("disk/").items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(mtimes[name], mtimes[name]))
