"""A training job: everything that a worker needs for a run, picklable, opened in the process of the worker.

Videos are found and indexed once, where the job is prepared.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import Dataset

from slomo_batch.errors import ManifestError, StorageError
from slomo_batch.manifest.inputs import find_sources, input_of
from slomo_batch.records.requests import Source
from slomo_batch.serialization import digest
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.training.config import TrainingConfig, VideoSource
from slomo_batch.training.distributed import WorkerGroup
from slomo_batch.training.guide import Guide
from slomo_batch.training.loop import LoopOptions, train
from slomo_batch.training.model import TrainableNetwork, build_network, build_perceptual_losses
from slomo_batch.training.prepare import Window, load_photographs, open_film_windows, prepared_id
from slomo_batch.training.rife import Rife
from slomo_batch.training.run_folder import SAMPLES, RunFolder
from slomo_batch.training.run_log import log
from slomo_batch.training.samples import SampleDataset, TrainingSample
from slomo_batch.training.stored_samples import StoredSamples, store
from slomo_batch.training.validation import ValidationPair, prepared_pairs, validate_network, video_pairs
from slomo_batch.training.videos import ConcatWindows, IndexedVideo, VideoWindows, index_videos
from slomo_batch.uri import Uri
from slomo_batch.wiring import locate

FILM_STILLS_STEP = 2
"""Every n-th window of the prepared film adds one still to the photographs."""
LOCATE = partial(locate, s3=S3Options())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """One run: its config, its folder and its indexed videos."""

    config: TrainingConfig
    run_uri: Uri
    """Run folder: a path, or an S3 prefix."""
    options: LoopOptions
    films: tuple[IndexedVideo, ...] = ()
    """Videos to train on."""
    validation: tuple[IndexedVideo, ...] = ()
    """Videos to validate on."""

    def data_id(self) -> str:
        """Return an id of the training data: a digest of the fingerprints of videos, and of what is prepared."""
        prepared = prepared_id(Path(self.config.sources.prepared)) if self.config.sources.prepared else ()
        return digest(*(film.source.fingerprint for film in self.films), *prepared)


# ---- preparing ------------------------------------------------------------------------------------------------------


def prepare_job(config: TrainingConfig, run_uri: Uri, options: LoopOptions) -> TrainingJob:
    """Find and index the videos of a config.

    Raises:
        ManifestError: videos are missing or cannot be used; the error lists all problems.
    """
    train_on, validate_on = (
        [source for videos in wanted for source in find_videos(videos)]
        for wanted in (config.sources.videos, config.sources.validation)
    )
    both = {source.uri for source in train_on} & {source.uri for source in validate_on}
    if both:
        raise ManifestError(
            "some videos are in both sources.videos and sources.validation", problems=tuple(sorted(both))
        )
    with RunFolder(run_uri) as files:
        threads = len(os.sched_getaffinity(0))
        look = partial(
            index_videos,
            locate=LOCATE,
            read_document=files.read_document,
            write_document=files.write_document,
            log=log,
            threads=threads,
        )
        films, validation = tuple(look(train_on)), tuple(look(validate_on))
    return TrainingJob(config=config, run_uri=run_uri, options=options, films=films, validation=validation)


def find_videos(videos: VideoSource) -> list[Source]:
    """Find the videos of one entry in `sources`.

    Raises:
        ManifestError: no video is found, or one in the list `names` is missing or there several times.
    """
    given = {"table": videos.table} if videos.table else {"uri": videos.uri, "except": list(videos.without)}
    location = videos.uri or videos.table
    try:
        found = find_sources([input_of(given)], LOCATE)
    except StorageError as error:
        raise ManifestError("cannot find these videos", where=location, problems=(str(error),)) from error
    if not videos.names:
        return found
    by_name: dict[str, list[Source]] = defaultdict(list)
    for source in found:
        by_name[source.uri.name].append(source)
    names = list(_read_list(videos.names))
    problems = tuple(
        f"{name} is in the list, but {'not' if name not in by_name else 'several times'} in {location}"
        for name in names
        if len(by_name.get(name, ())) != 1
    )
    if problems or not names:
        raise ManifestError("cannot use the list of videos", problems=problems or ("it is empty",), where=videos.names)
    return [by_name[name][0] for name in names]


def _read_list(uri: str) -> Iterator[str]:
    store, key = LOCATE(Uri.parse(uri))
    try:
        text = store.get(key).decode("utf-8-sig")
    except (StorageError, UnicodeDecodeError) as error:
        raise ManifestError("cannot read the list of videos", where=uri, problems=(str(error),)) from error
    return (line.strip() for line in text.splitlines() if line.strip())


def check_job(job: TrainingJob) -> None:
    """Open everything once in this process, so that errors are reported before any worker starts.

    Raises:
        ManifestError: data are missing.
        WeightsError: the initial weights, the VGG16 weights, the teacher or the guide cannot be used.
    """
    open_samples(job)
    open_validation(job)
    if job.config.teacher:
        Rife().load()
    if job.config.guide:
        Guide(job.config.guide).load()
    build_network(job.config)
    build_perceptual_losses(job.config, torch.device("cpu"))


# ---- running ---------------------------------------------------------------------------------------------------------


def run_worker(job: TrainingJob, group: WorkerGroup) -> TrainableNetwork:
    """Run this worker's part of the job; return the moving average of the weights."""
    config = job.config
    validation = open_validation(job) if group.is_leader else {}
    validate = partial(validate_network, validation=validation, precision=config.precision, device=group.device)
    with RunFolder(job.run_uri) as run_folder:
        return train(
            config,
            partial(_samples_of_worker, job, run_folder.folder, group),
            run_folder,
            options=job.options,
            validate=validate,
            group=group,
            data=job.data_id(),
        )


def _samples_of_worker(job: TrainingJob, folder: Path, group: WorkerGroup) -> Dataset[TrainingSample]:
    """Open the samples; if they are stored, this worker makes its share of them first."""
    config, samples = job.config, open_samples(job)
    if not config.samples.stored:
        return samples
    stored = folder / f"{SAMPLES}{config.digest()[:8]}-{group.rank}-of-{group.size}"
    numbers = range(group.rank, max(config.samples.stored, group.size), group.size)
    store(samples, stored, numbers, processes=job.options.data_workers, log=log)
    return StoredSamples(stored, crop_px=config.samples.crop_px, seed=config.seed, batch=config.batch, group=group)


def open_samples(job: TrainingJob) -> SampleDataset:
    """Open the training samples.

    Raises:
        ManifestError: photographs or film are missing, or pictures are smaller than the crop.
    """
    config, mix = job.config, job.config.samples
    film: Sequence[Window] = VideoWindows(
        job.films, LOCATE, longest_px=config.sources.longest_px, stride=config.sources.stride
    )
    stills: list[Window] = []
    prepared: Sequence[Window] = ()
    if config.sources.prepared:
        folder = Path(config.sources.prepared)
        prepared = open_film_windows(folder, "film-train")
        film = ConcatWindows(prepared, film)
        stills = [*load_photographs(folder, held_out=False), *(window[0] for window in prepared[::FILM_STILLS_STEP])]
    if mix.film_share < 1 and not stills:
        raise ManifestError(
            "synthetic scenes need photographs", remedy="Set sources.prepared, or samples.film_share: 1."
        )
    if mix.film_share > 0 and not film:
        raise ManifestError("no film to train on", remedy="Set sources.videos, or samples.film_share: 0.")
    drawn = replace(mix, crop_px=mix.crop_px + mix.margin_px) if mix.stored else mix
    faults = (*_prepared_too_small(job, prepared, drawn.crop_px), *_too_small(job, drawn.crop_px))
    if faults:
        keys = "samples.crop_px" + (" + margin_px" if mix.stored else "")
        raise ManifestError(f"pictures are smaller than {keys}, {drawn.crop_px}", problems=faults)
    prior = None if config.network == "matched" else config.prior
    teacher, guide = Rife() if config.teacher else None, Guide(config.guide) if config.guide else None
    return SampleDataset(stills, film, drawn, seed=config.seed, prior=prior, teacher=teacher, guide=guide)


def _prepared_too_small(job: TrainingJob, film: Sequence[Window], side_px: int) -> Iterator[str]:
    """The prepared film, if it is too small; all its windows have one size."""
    if film and job.config.samples.film_share > 0:
        height, width = film[0].shape[1:3]
        if min(width, height) < side_px:
            yield f"{job.config.sources.prepared}: {width}x{height}"


def _too_small(job: TrainingJob, side_px: int) -> Iterator[str]:
    longest = job.config.sources.longest_px
    for film in job.films:
        scale = min(1.0, longest / max(film.width, film.height)) if longest else 1.0
        width, height = round(film.width * scale), round(film.height * scale)
        if min(width, height) < side_px:
            yield f"{film.source.uri}: {width}x{height}"


def open_validation(job: TrainingJob) -> Mapping[str, list[ValidationPair]]:
    """Open the validation pairs by name; empty if validation is off.

    Raises:
        ManifestError: there is no validation data.
    """
    sources = job.config.sources
    if not job.options.validate_every:
        return {}
    found = prepared_pairs(Path(sources.prepared)) if sources.prepared else {}
    if job.validation:
        found |= video_pairs(VideoWindows(job.validation, LOCATE, longest_px=sources.longest_px))
    if not found:
        raise ManifestError("no data to validate on", remedy="Set sources.validation, or pass --validate-every 0.")
    return found
