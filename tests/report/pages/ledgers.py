"""Ledgers of jobs that never ran: many videos on many workers, with faults, failures and a resume."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from heapq import heapify, heappop, heappush
from random import Random

import pyarrow as pa

from slomo_batch.attempts import CallStats, Errored, Lost, Succeeded
from slomo_batch.errors import StorageBusy
from slomo_batch.records.commits import FrameCounts, StageSeconds
from slomo_batch.records.results import VideoFailed
from slomo_batch.report.ledger import LedgerWriter, read_ledger
from slomo_batch.uri import Uri
from tests.report.test_ledger import DONE, HEAD, PUBLISHED, SPLIT

BEGAN_S = 1_750_000_000.0
FRAMES = 120
"""Output frames of a chunk."""
NOTES = ("padded by one column: the codec needs an even width", "1 data track not kept", "variable frame rate")
SCENES = ("boat_race", "goal-left", "Reel 12 (A)", "holiday", "interview", "pan_over_the_old_harbor")


def archive_ledger(num_videos: int, *, num_workers: int = 8, seed: int = 1, days_between: float = 0.0) -> pa.Table:
    """The ledger of a job of so many videos: two runs, one in thirty videos fails, one attempt in forty too."""
    runs = _runs(num_videos, num_workers, Random(seed), 90.0 + days_between * 86_400)
    return read_ledger([part for run in runs for part in run])


def source_uri(number: int) -> str:
    """The source of a video."""
    return f"s3://archive/tapes/{number // 100:03d}/{SCENES[number % len(SCENES)]}_{number:05d}.mov"


def _runs(num_videos: int, num_workers: int, random: Random, between_s: float) -> Iterator[list[bytes]]:
    half, at_s = num_videos // 2, BEGAN_S
    for epoch, numbers in enumerate((range(half), range(half, num_videos)), start=1):
        run = _Run(epoch, at_s, num_workers, random)
        for number in numbers:
            run.video(number)
        run.writer.flush()
        yield run.parts
        at_s = run.now_s + between_s


class _Run:
    """One driver, and its workers; each takes what comes next when it is free."""

    def __init__(self, epoch: int, began_s: float, num_workers: int, random: Random) -> None:
        self.parts: list[bytes] = []
        self.now_s = began_s
        self._random = random
        self._free = [(began_s + random.uniform(5, 20), worker) for worker in range(num_workers)]
        heapify(self._free)
        self.writer = LedgerWriter(
            lambda _, part: self.parts.append(part), lambda: self.now_s, job="archive", epoch=epoch
        )

    def video(self, number: int) -> None:
        uri, video_id = source_uri(number), f"{number:032x}"
        step = replace(SPLIT, head=replace(SPLIT.head, uri=uri, video_id=video_id))
        self.writer.attempt(replace(step, stats=self._stats(0, self.now_s, self._random.uniform(0.5, 3))))
        if number % 30 == 7:
            reason = f"{uri}: not yet supported: video whose pictures are single fields. Weave them first."
            self.writer.failed(VideoFailed(source_uri=uri, output_uri="", error="SourceUnsupported", reason=reason))
            return
        num_chunks = self._random.choice((1, 1, 2, 3, 6))
        for chunk in range(num_chunks):
            self._chunk(uri, video_id, chunk)
        self._publish(number, uri, video_id, num_chunks)

    def _chunk(self, uri: str, video_id: str, chunk: int) -> None:
        free_s, worker = heappop(self._free)
        head = replace(HEAD, uri=uri, video_id=video_id, chunk=chunk, attempt=f"{self._random.getrandbits(64):x}")
        took_s = self._random.lognormvariate(2.5, 0.4)
        if self._random.random() < 1 / 40:
            stats = self._stats(worker, free_s, took_s / 2)
            self.now_s = max(self.now_s, free_s + took_s / 2)
            busy = StorageBusy("the store asks to slow down", where=uri)
            lost = Lost(head=head, explained=True, cause="the node went away", machine=f"node-{worker // 4}")
            self.writer.attempt(self._random.choice((lost, Errored(head=head, error=busy, stats=stats))))
            free_s += took_s / 2 + 1.0
        stats = self._stats(worker, free_s, took_s)
        self.now_s = max(self.now_s, free_s + took_s)
        seconds = StageSeconds(
            fetch=0.06 * took_s,
            decode=0.08 * took_s,
            judge=0.03 * took_s,
            color=0.05 * took_s,
            model=0.6 * took_s * self._random.uniform(0.9, 1.05),
            hash=0.01 * took_s,
            encode=0.12 * took_s,
            upload=0.02 * took_s,
            total=took_s,
        )
        done = replace(
            DONE,
            video_id=video_id,
            index=chunk,
            attempt=head.attempt,
            num_frames=FRAMES,
            seconds=seconds,
            counts=FrameCounts(source=30, made=84, held_at_cut=6),
            machine=replace(DONE.machine, host=stats.host),
        )
        self.writer.attempt(Succeeded(head=head, stats=stats, result=done))
        heappush(self._free, (free_s + took_s + self._random.expovariate(1), worker))

    def _publish(self, number: int, uri: str, video_id: str, num_chunks: int) -> None:
        frames = FRAMES * num_chunks
        notes = tuple(note for place, note in enumerate(NOTES) if number % (place + 3) == 0)
        self.writer.published(
            replace(
                PUBLISHED,
                video_id=video_id,
                source=replace(PUBLISHED.source, uri=Uri(uri)),
                output_uri=Uri(f"s3://slow/{uri.rpartition('/')[2]}".replace(".mov", ".mp4")),
                size_bytes=frames * 21_000,
                num_frames=frames,
                duration_s=Fraction(frames, 25),
                counts=FrameCounts(source=30 * num_chunks, made=84 * num_chunks, held_at_cut=6 * num_chunks),
                notes=notes,
            )
        )

    def _stats(self, worker: int, began_s: float, took_s: float) -> CallStats:
        return CallStats(
            host=f"node-{worker // 4}",
            process=1000 + worker,
            began_s=began_s,
            took_s=took_s,
            read_bytes=4_000_000,
            written_bytes=2_500_000,
        )
