"""A job whose Dispatch receives its events from the test, and such jobs in some states."""

from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.limits import Limits
from slomo_batch.scheduler.messages import Event, MakeChunk, NoMoreVideos, Opened, VideoFound

LIMITS = Limits(max_open_videos=4, max_attempts=3, max_splits=2, max_stitches=1, max_ready_chunks=20)


class Job:
    """A Dispatch that receives its events from the test."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.dispatch = Dispatch(limits, jitter=lambda: 0.0)

    def handle(self, *events: Event, now_s: float = 0.0) -> "Job":
        for event in events:
            self.dispatch.handle(event, now_s)
        return self

    def tasks(self, now_s: float = 0.0) -> list[object]:
        return list(self.dispatch.take_tasks(100, now_s))

    def chunks(self, slots: int = 100, now_s: float = 0.0) -> list[MakeChunk]:
        return self.dispatch.take_chunks(slots, now_s)

    def isolated(self, machines: int = 100, now_s: float = 0.0) -> list[MakeChunk]:
        return self.dispatch.take_isolated(machines, now_s)


def opened(video: int = 0, num_chunks: int = 2, *, audio: bool = False, ready: bool = True) -> Opened:
    objects = frozenset(range(num_chunks)) if ready else frozenset[int]()
    return opened_with(video, num_chunks=num_chunks, ready=objects, audio=audio)


def opened_with(
    video: int = 0,
    *,
    num_chunks: int,
    lane: Lane = "copy",
    done: frozenset[int] = frozenset(),
    ready: frozenset[int] = frozenset(),
    audio: bool = False,
) -> Opened:
    existing = ExistingWork(num_chunks=num_chunks, lane=lane, done=done, ready=ready, needs_audio=audio)
    return Opened(video=video, existing=existing)


def running_job(num_chunks: int = 2) -> Job:
    """A job of one video with all its chunks running."""
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    job.tasks()
    job.handle(opened(num_chunks=num_chunks))
    job.chunks()
    return job


def ready_videos(job: Job, *chunks: int) -> Job:
    """Videos of so many chunks, all ready."""
    job.handle(*(VideoFound(video=number) for number in range(len(chunks))))
    job.tasks()
    return job.handle(*(opened(number, num_chunks) for number, num_chunks in enumerate(chunks)))
