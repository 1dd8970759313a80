"""Blocks are fetched ahead while a source is read in order, each once; an error surfaces on the read that needs it."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from slomo_batch.errors import SourceChanged, StorageBusy
from slomo_batch.media.probe import probe
from slomo_batch.media.reader import RangeReader
from tests.clips.noise import NOISY_FRAMES, noisy
from tests.media.sources import Opened, reader_of

BLOCK = 10
NUM_BLOCKS = 40
AHEAD = 4
SIZE = BLOCK * NUM_BLOCKS - 3
WAIT_S = 10


class Source:
    """Bytes whose fetches are counted by block. `fail` raises what a fetch of a block is to raise."""

    def __init__(self, data: bytes, block: int, fail: Callable[[int], None] = lambda _: None) -> None:
        self.data, self.block, self.fail = data, block, fail
        self.fetched: Counter[int] = Counter()
        self.threads: set[threading.Thread] = set()
        self.lock = threading.Lock()

    def fetch(self, start: int, end: int) -> bytes:
        with self.lock:
            self.fetched[start // self.block] += 1
            self.threads.add(threading.current_thread())
        self.fail(start // self.block)
        return self.data[start:end]

    def reader(self, ahead: int = AHEAD) -> RangeReader:
        return RangeReader(self.fetch, len(self.data), block_bytes=self.block, num_blocks=2, blocks_ahead=ahead)


def source(fail: Callable[[int], None] = lambda _: None) -> Source:
    return Source(bytes(number % 251 for number in range(SIZE)), BLOCK, fail)


def read_in_pieces(reader: RangeReader, size: int) -> bytes:
    return b"".join(iter(lambda: reader.read(size), b""))


@pytest.mark.parametrize("piece", [3, 10, 64, SIZE])
def test_a_pass_in_order_fetches_every_block_once(piece: int) -> None:
    given = source()
    reader = given.reader()
    with reader.reading_ahead():
        assert read_in_pieces(reader, piece) == given.data
    reader.check()
    assert given.fetched == Counter(range(NUM_BLOCKS))
    assert len(given.threads) > 1


def test_several_blocks_are_under_way_at_once_but_no_more_than_the_limit() -> None:
    under_way, most = Counter[str](), 0
    lock, together = threading.Lock(), threading.Event()

    def fail(number: int) -> None:
        nonlocal most
        with lock:
            under_way["now"] += 1
            most = max(most, under_way["now"])
            if under_way["now"] == AHEAD:
                together.set()
        if number > AHEAD:
            assert together.wait(WAIT_S)
        with lock:
            under_way["now"] -= 1

    reader = source(fail).reader()
    with reader.reading_ahead():
        read_in_pieces(reader, BLOCK)
    reader.check()
    assert AHEAD <= most <= AHEAD + 1


@pytest.mark.parametrize("ahead", [0, AHEAD])
def test_nothing_is_fetched_ahead_outside_of_the_scope_or_without_the_setting(ahead: int) -> None:
    given = source()
    reader = given.reader(ahead)
    if not ahead:
        with reader.reading_ahead():
            reader.read(15 * BLOCK)
    reader.seek(0)
    reader.read(15 * BLOCK)
    assert given.threads == {threading.current_thread()}
    assert set(given.fetched) == set(range(15))


def test_the_head_and_the_tail_of_a_file_are_read_without_guessing() -> None:
    given = source()
    reader = given.reader()
    with reader.reading_ahead():
        for place in (0, SIZE - 2 * BLOCK, 1, 20 * BLOCK):
            reader.seek(place)
            reader.read(BLOCK)
    assert given.threads == {threading.current_thread()}


def test_a_jump_ends_the_read_ahead() -> None:
    given = source()
    reader = given.reader()
    with reader.reading_ahead():
        reader.read(10 * BLOCK)
        reader.seek(30 * BLOCK)
        assert reader.read(BLOCK) == given.data[30 * BLOCK : 31 * BLOCK]
    assert set(given.fetched) <= {*range(10 + AHEAD), 30}


def test_tracks_in_separate_places_cost_no_second_fetch() -> None:
    given = source()
    reader = given.reader()
    with reader.reading_ahead():
        for start in range(0, 20, 5):
            for place in (start, 20 + start):
                reader.seek(place * BLOCK)
                assert reader.read(5 * BLOCK) == given.data[place * BLOCK : (place + 5) * BLOCK]
    # The first track does not know where it ends, so it requests some blocks of the second one.
    assert set(given.fetched - Counter(range(NUM_BLOCKS))) <= set(range(20, 20 + AHEAD))


def test_an_error_surfaces_on_the_read_that_needs_its_block() -> None:
    def fail(number: int) -> None:
        if number == 12:
            raise StorageBusy("later")

    given = source(fail)
    reader = given.reader()
    with reader.reading_ahead():
        for number in range(12):
            assert reader.read(BLOCK) == given.data[number * BLOCK : (number + 1) * BLOCK]
            reader.check()
        assert reader.read(BLOCK) == b""
    with pytest.raises(StorageBusy):
        reader.check()
    assert given.fetched[12] == 1


def test_an_error_of_a_block_that_is_never_read_is_ignored() -> None:
    def fail(number: int) -> None:
        if number >= 12:
            raise StorageBusy("later")

    reader = source(fail).reader()
    with reader.reading_ahead():
        reader.read(12 * BLOCK)
    reader.check()


def test_an_object_that_became_shorter_is_a_changed_source() -> None:
    given = source()
    reader = RangeReader(given.fetch, SIZE + BLOCK, block_bytes=BLOCK, num_blocks=2, blocks_ahead=AHEAD)
    with reader.reading_ahead():
        read_in_pieces(reader, BLOCK)
    with pytest.raises(SourceChanged, match="incomplete read"):
        reader.check()


def test_threads_end_with_the_scope_after_an_exception_too() -> None:
    given = source()
    reader = given.reader()

    def interrupted() -> None:
        with reader.reading_ahead():
            reader.read(10 * BLOCK)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(given.threads) > 1
    assert [thread for thread in given.threads - {threading.current_thread()} if thread.is_alive()] == []


@pytest.mark.parametrize("kind", [(".mp4", ""), (".mp4", "faststart"), (".mkv", ""), (".ts", "")])
def test_planning_and_cutting_a_source_need_the_same_requests_as_without(kind: tuple[str, str], tmp_path: Path) -> None:
    data = noisy(*kind)
    block = len(data) // 100
    opened = Opened("noisy", data, probe(reader_of(data), "noisy"))
    needed = []
    for ahead in (0, AHEAD):
        given = Source(data, block)
        probe(RangeReader(given.fetch, len(data), block_bytes=block, num_blocks=8, blocks_ahead=ahead), "noisy")
        cutter = RangeReader(given.fetch, len(data), block_bytes=block, num_blocks=8, blocks_ahead=ahead)
        for part in opened.split(opened.slices([0, 20, 40, NOISY_FRAMES]), tmp_path, audio=True, reader=cutter):
            part.path.unlink()
        assert (len(given.threads) > 1) == bool(ahead)
        needed.append(given.fetched)
    assert needed[1] == needed[0]
