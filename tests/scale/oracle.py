"""An oracle that knows the future: a time before which no scheduler could have ended the job.

It knows every chunk's work, every machine's lives, and when each process dies; it never holds a chunk where it would be
lost, meets no straggler, no error and no isolated chunk, and has asked for all machines at time 0. Two bounds hold for
it, and with it for all:

    capacity   Every chunk of every published video must be made once, W seconds of work. A worker of speed v does v
               seconds of work per second while it is up, and no more. So with C(t) the sum over workers of speed times
               the time it was up before t, all chunks cannot be made before the first t with C(t) >= W. A machine asked
               for later than at 0 has the same lives later, so no run has more capacity by any t than the oracle, which
               asks at 0 and again the moment a life ends. Whichever chunk is made last, its video is stitched after it:
               the shortest stitch of any published video is added.
    path       A machine comes up, a video is opened there (or opened, surveyed and opened again), and its objects are
               stored, one after the other. A chunk is made on the fastest worker once its object is stored, and the
               video is stitched after all its chunks. The longest such path of any published video and chunk.

The bound is the larger one. It leaves out that tasks wait for each other, so it is below what any scheduler reaches.
"""

from collections.abc import Iterator

import numpy as np

from tests.scale.models import Archive, Life, Models, step_machine_up_s

FASTEST = 1.25


def lower_bound_s(models: Models, archive: Archive) -> float:
    """Seconds before which the job cannot have ended, from its start."""
    published = [video for video in range(models.num_videos) if video not in archive.poison]
    shortest_stitch_s = min(models.stitch_s(int(archive.num_chunks[video])) for video in published)
    first_up_s = first_machine_s(models)
    longest_path_s = max(_path_s(models, archive, video, first_up_s) for video in published)
    return max(capacity_bound_s(models, archive) + shortest_stitch_s, longest_path_s)


def capacity_bound_s(models: Models, archive: Archive) -> float:
    """The first time at which all machines together could have done the work of all videos that are published."""
    work_s = float(archive.work_s.sum(dtype=np.float64)) - sum(_work_of(archive, video) for video in archive.poison)
    horizon_s = 2 * work_s / models.num_workers + 100 * models.start_s
    machines = range(models.num_machines)
    changes = sorted(change for machine in machines for change in _changes(models, machine, horizon_s))
    done_s = speed = now_s = 0.0
    for at_s, change in changes:
        if done_s + speed * (at_s - now_s) >= work_s:
            break
        done_s, now_s = done_s + speed * (at_s - now_s), at_s
        speed += change
    return now_s + (work_s - done_s) / speed


def _changes(models: Models, machine: int, horizon_s: float) -> Iterator[tuple[float, float]]:
    """When a worker of this machine comes up or goes, and by how much the speed of all rises or falls."""
    begun_s, number = 0.0, 0
    while begun_s < horizon_s:
        life = Life.of(models, machine, number)
        for speed, deaths_s in zip(life.speeds, life.deaths_s, strict=True):
            yield begun_s + life.up_s, speed
            for death_s in deaths_s:
                yield begun_s + death_s, -speed
                yield begun_s + min(death_s + models.reload_s, life.end_s), speed
            yield begun_s + life.end_s, -speed
        begun_s, number = begun_s + life.end_s, number + 1


def _work_of(archive: Archive, video: int) -> float:
    first = archive.first_chunk[video]
    return float(archive.work_s[first : first + archive.num_chunks[video]].sum(dtype=np.float64))


def _path_s(models: Models, archive: Archive, video: int, first_up_s: float) -> float:
    first, number = archive.first_chunk[video], int(archive.num_chunks[video])
    # A surveyed video is opened, surveyed and opened again.
    before_s = models.survey_s(number) + models.step_s if video in archive.surveyed else 0.0
    work_s = archive.work_s[first : first + number].astype(np.float64) / FASTEST
    stored_s = np.array([models.split_s(index + 1) for index in range(number)])
    last_made_s = float((stored_s + work_s).max())
    return first_up_s + before_s + models.step_s + last_made_s + models.stitch_s(number)


def first_machine_s(models: Models) -> float:
    """When the first machine is up, if all are requested at the start."""
    of_steps = [step_machine_up_s(models, number) for number in range(models.num_step_machines)]
    return min(*of_steps, *(Life.of(models, machine, 0).up_s for machine in range(models.num_machines)))
