"""A child process that crashes, is killed, takes too much, or lies: an error of its source, and no other is harmed."""

import errno
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from slomo_batch.errors import (
    ProgramFault,
    SourceUnreadable,
    SourceUnsupported,
    StorageBusy,
    StoreUnusable,
    WorkerLost,
)
from slomo_batch.media.metadata_reading import attached_files as files_here
from slomo_batch.media.probe import probe as probe_here
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.split import SourceSlice
from slomo_batch.sandbox import confined, conversation, work
from slomo_batch.sandbox.answers import Answer, AttachedRecord, AttachedRecords, answer_of_probe, read_files
from slomo_batch.sandbox.channel import Kind
from slomo_batch.sandbox.confined import split_source
from slomo_batch.sandbox.confinement import ChildLimits, ChildPlaces
from slomo_batch.sandbox.conversation import converse
from slomo_batch.serialization import to_json
from tests.clips.catalogue import clip
from tests.sandbox import intruders
from tests.sandbox.children import fork_server_of, only_child

SOURCE = bytes(range(256))
PATIENCE_S = 60


def ended(child: work.Work, places: ChildPlaces | None = None) -> object:
    """What a child answers; it reads SOURCE."""
    reader = RangeReader(lambda start, end: SOURCE[start:end], len(SOURCE))
    for _ in (heard := Heard(converse(child, "clip.mp4", reader, places or ChildPlaces()))):
        pass
    return heard.answer


class Heard:
    """The parts of a conversation, and its answer."""

    def __init__(self, parts: work.Parts) -> None:
        self._parts = parts
        self.answer: object = None

    def __iter__(self) -> Any:
        self.answer = yield from self._parts


def asking(question: Callable[[], Any]) -> work.Work:
    return partial(intruders.answered, question=question)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (intruders.crash, "clip.mp4: FFmpeg crashed while it read the file, got SIGSEGV"),
        (partial(intruders.end_by, signal.SIGABRT), "clip.mp4: FFmpeg crashed while it read the file, got SIGABRT"),
        (partial(intruders.end_by, signal.SIGXCPU), "clip.mp4: reading the file takes too much CPU time"),
        (intruders.take_memory, "clip.mp4: reading the file takes too much memory, expected at most"),
    ],
)
def test_a_crash_or_a_limit_is_an_error_of_the_source(end: Callable[[], Any], said: str) -> None:
    with pytest.raises(SourceUnreadable) as raised:
        ended(asking(end))
    assert str(raised.value).startswith(said)


def test_a_child_that_is_killed_is_tried_again() -> None:
    with pytest.raises(WorkerLost, match="the process that reads the file was killed") as raised:
        ended(asking(partial(intruders.end_by, signal.SIGKILL)))
    assert raised.value.retryable


def test_cpu_time_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = ChildLimits(memory_bytes=conversation.MIN_MEMORY, cpu_s=1)
    monkeypatch.setattr(conversation, "limits_for", lambda _: limits)
    with pytest.raises(SourceUnreadable, match="too much CPU time, expected at most 1 s"):
        ended(intruders.spins)


def test_errors_of_the_work_come_as_they_are() -> None:
    error = SourceUnsupported("no such video", where="clip.mp4", expected="this", got="that", remedy="Do it.")
    with pytest.raises(SourceUnsupported) as raised:
        ended(partial(intruders.fails, error=error))
    assert str(raised.value) == str(error)


@pytest.mark.parametrize(
    "liar",
    [
        partial(intruders.sends, kind=99, data=b""),
        partial(intruders.sends, kind=Kind.DATA, data=b"bytes"),
        partial(intruders.sends, kind=Kind.PART, data=b"not JSON"),
        partial(intruders.sends, kind=Kind.PART, data=b'"text"'),
        partial(intruders.sends, kind=Kind.PART, data=b"1" * 1000),
        partial(intruders.sends, kind=Kind.READ, data=b"short"),
        partial(intruders.sends, kind=Kind.FAILURE, data=b"{}"),
        partial(intruders.reads, start=0, end=len(SOURCE) + 1),
        partial(intruders.reads, start=20, end=10),
        partial(intruders.answers, record=b"null", columns=[b""] * 100),
        partial(intruders.fails, error=StoreUnusable("stop the job")),
    ],
)
def test_an_answer_that_no_child_gives_is_refused(liar: work.Work) -> None:
    with pytest.raises(SourceUnreadable, match="the process that reads the file sent an invalid answer"):
        ended(liar)


def test_a_full_disk_is_believed_only_of_a_child_that_writes(tmp_path: Path) -> None:
    full = partial(intruders.fails, error=OSError(errno.ENOSPC, "no space left"))
    with pytest.raises(SourceUnreadable, match="invalid answer"):
        ended(full)
    with pytest.raises(OSError, match="No space left"):
        ended(full, ChildPlaces(writable=(tmp_path,)))


def test_a_defect_in_a_child_has_its_traceback() -> None:
    with pytest.raises(ProgramFault, match=r"KeyError\('defect'\)") as raised:
        ended(partial(intruders.fails, error=KeyError("defect")))
    assert "in fails" in raised.value.got


def test_an_error_of_the_store_is_raised_as_it_is_and_ends_the_child() -> None:
    def busy(start: int, end: int) -> bytes:
        raise StorageBusy(f"no bytes {start} to {end}")

    with pytest.raises(StorageBusy, match="no bytes 0 to"):
        confined.probe(RangeReader(busy, 1000), "clip.mp4")


def reader_of(name: str) -> RangeReader:
    data = clip(name).data
    return RangeReader(lambda start, end: data[start:end], len(data))


@pytest.mark.parametrize("name", ["two_tracks", "vfr", "fragmented", "negative_pts", "hdr_pq", "tracks", "timecode"])
def test_a_probe_is_the_same_as_in_this_process(name: str) -> None:
    there, here = confined.probe(reader_of(name), name), probe_here(reader_of(name), name)
    assert there.facts == here.facts
    for of_index in ("time_base", "last_duration", "joins"):
        assert getattr(there.index, of_index) == getattr(here.index, of_index)
    for of_index in ("pts", "size_bytes", "is_keyframe", "is_discarded"):
        assert getattr(there.index, of_index).tolist() == getattr(here.index, of_index).tolist()
    assert there.timeline.ticks.tolist() == here.timeline.ticks.tolist()
    assert repr(replace(there.timeline, ticks=here.timeline.ticks)) == repr(here.timeline)


@pytest.mark.parametrize(
    ("spoil", "column"),
    [(lambda column: column[:-8], 0), (lambda column: column[:-3], 1), (lambda column: column[::-1], 4)],
)
def test_columns_that_do_not_fit_are_refused(
    spoil: Callable[[bytes], bytes], column: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = answer_of_probe(probe_here(reader_of("two_tracks"), "two_tracks"))
    columns = [spoil(data) if number == column else data for number, data in enumerate(answer.columns)]
    monkeypatch.setattr(work, "probed", partial(intruders.answers, record=answer.record, columns=columns))
    with pytest.raises(SourceUnreadable, match="invalid answer"):
        confined.probe(reader_of("two_tracks"), "two_tracks")


def test_attached_files_are_the_same_as_in_this_process() -> None:
    facts = probe_here(reader_of("tracks"), "tracks").facts
    tracks = [
        track for track in facts.other_tracks if track.kind == "attachment" or "attached_pic" in track.disposition
    ]
    here = files_here(reader_of("tracks"), tracks, "tracks")
    assert here
    assert confined.attached_files(reader_of("tracks"), tracks, "tracks") == here


@pytest.mark.parametrize(("sizes", "data"), [((4, 4), b"1234567"), ((9, -1), b"12345678"), ((), b"1")])
def test_attached_files_that_do_not_fit_are_refused(sizes: tuple[int, ...], data: bytes) -> None:
    files = tuple(AttachedRecord(name="a", mimetype="b", is_cover=False, size_bytes=one) for one in sizes)
    with pytest.raises(ValueError, match="files of"):
        read_files(Answer(record=to_json(AttachedRecords(files=files)), columns=(data,)))


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [intruders.link_softly, intruders.link_firmly])
def test_a_child_cannot_let_a_file_of_the_user_be_stored(make: Callable[[Path, Path], None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    found = probe_here(reader_of("two_tracks"), "two_tracks")
    part = SourceSlice(index=0, first_frame=0, pts=(0,), ticks=(0,))
    split = partial(intruders.split_into_links, secret=tmp_path / "secret", make=make)
    folder = tmp_path / "step"
    folder.mkdir()
    with pytest.raises(SourceUnreadable) as raised:
        list(split_source(split, reader_of("two_tracks"), "clip.mp4", found.facts, found.index, [part], folder))
    assert "clip.mp4" in str(raised.value)


@pytest.mark.parametrize("make", [intruders.link_softly, intruders.link_firmly])
def test_a_link_is_not_taken_where_files_are_not_restricted(
    make: Callable[[Path, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(conversation.SWITCH, "off")
    test_a_child_cannot_let_a_file_of_the_user_be_stored(make, tmp_path)


# ---- processes -----------------------------------------------------------------------------------------------------


def test_no_process_is_left_after_the_job_is_killed() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1])\nfrom tests.sandbox.test_conversation import hold\nhold()\n"
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as job:
        try:
            assert job.stdout is not None
            assert job.stdout.readline() == b"held\n"
            server = fork_server_of(psutil.Process(job.pid))
            (child,) = server.children()
        finally:
            job.kill()
    assert psutil.wait_procs([server, child], timeout=PATIENCE_S)[1] == []


def hold() -> None:
    """Keep a child that computes for ever."""
    heard = converse(intruders.spins, "clip.mp4", reader_of("two_tracks"))
    next(heard)
    sys.stdout.write("held\n")
    sys.stdout.flush()
    signal.pause()


def test_a_child_ends_when_nobody_waits_for_it_any_more() -> None:
    heard = converse(intruders.spins, "clip.mp4", reader_of("two_tracks"))
    next(heard)
    child = only_child()
    heard.close()
    assert psutil.wait_procs([child], timeout=PATIENCE_S)[1] == []


def test_after_the_fork_server_is_killed_another_is_started() -> None:
    confined.confinement()
    server = fork_server_of(psutil.Process())
    server.kill()
    psutil.wait_procs([server], timeout=PATIENCE_S)
    assert confined.confinement() == confined.confinement()


def test_children_of_several_threads_do_not_meet() -> None:
    names = ["two_tracks", "full_range", "vfr"] * 4
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda name: confined.probe(reader_of(name), name).facts, names))
    assert found == [probe_here(reader_of(name), name).facts for name in names]
