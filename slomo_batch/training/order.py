"""An order: everything that a worker needs to take part in a run, picklable, opened in the process it runs in.

The videos are looked for, and looked through, once: where the order is made.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import torch

from slomo_batch.errors import ManifestError, StorageError
from slomo_batch.manifest.inputs import find_sources
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.records import Source
from slomo_batch.serialization import digest
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.uris import normalise_uri
from slomo_batch.training.config import TrainingConfig, Videos
from slomo_batch.training.distributed import WorkerGroup
from slomo_batch.training.loop import Pace, train
from slomo_batch.training.metrics_log import say
from slomo_batch.training.model import Network, network_of, perceptual_of
from slomo_batch.training.prepare import Window, film_windows, photographs
from slomo_batch.training.run_folder import Place
from slomo_batch.training.samples import Samples
from slomo_batch.training.validation import Case, cases, judged, video_cases
from slomo_batch.training.videos import Film, JoinedWindows, VideoWindows, films_of
from slomo_batch.wiring import locate

FILM_STILLS_STEP = 2
"""Of every so many windows of prepared film one still joins the photographs."""
LOCATE = partial(locate, s3=S3Options())


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run."""

    config: TrainingConfig
    place: str
    """URI of the run's folder, or prefix on S3."""
    pace: Pace
    films: tuple[Film, ...] = ()
    """Of the videos to train on."""
    validation: tuple[Film, ...] = ()
    """Of the videos to validate on."""

    def data(self) -> str:
        """Names the videos that are trained on, as they were found."""
        return digest(*(film.source.fingerprint for film in self.films))


# ---- making it -------------------------------------------------------------------------------------------------------


def ordered(config: TrainingConfig, place: str, pace: Pace) -> Order:
    """The order that a config comes to, its videos found and looked through.

    Raises:
        ManifestError: videos are not there, or cannot be used; all that is wrong is told at once.
    """
    train_on, validate_on = (
        [source for videos in wanted for source in found_videos(videos)]
        for wanted in (config.sources.videos, config.sources.validation)
    )
    both = {source.uri for source in train_on} & {source.uri for source in validate_on}
    if both:
        raise ManifestError("videos are both trained on and validated on", problems=tuple(sorted(both)))
    with Place(place) as files:
        threads = len(os.sched_getaffinity(0))
        look = partial(films_of, locate=LOCATE, kept=files.kept, keep=files.keep, tell=say, threads=threads)
        films, validation = tuple(look(train_on)), tuple(look(validate_on))
    return Order(config=config, place=place, pace=pace, films=films, validation=validation)


def found_videos(videos: Videos) -> list[Source]:
    """The videos that an entry of a config stands for.

    Raises:
        ManifestError: none is there, or one that its list names is not.
    """
    given = {"table": videos.table} if videos.table else {"uri": videos.uri, "except": list(videos.without)}
    place = videos.uri or videos.table
    try:
        found = find_sources([InputSpec.model_validate(given)], LOCATE)
    except (ValueError, StorageError) as error:
        raise ManifestError("these videos cannot be found", where=place, problems=(str(error),)) from error
    if not videos.names:
        return found
    by_name = {PurePosixPath(source.uri).name: source for source in found}
    names = list(_listed(videos.names))
    missing = tuple(f"{name} is on the list, but not in {place}" for name in names if name not in by_name)
    if missing or not names:
        raise ManifestError(
            "a list of videos cannot be used", problems=missing or ("it names none",), where=videos.names
        )
    return [by_name[name] for name in names]


def _listed(uri: str) -> Iterator[str]:
    store, key = LOCATE(normalise_uri(uri, Path.cwd()))
    try:
        text = store.get(key).decode("utf-8-sig")
    except (StorageError, UnicodeDecodeError) as error:
        raise ManifestError("a list of videos cannot be read", where=uri, problems=(str(error),)) from error
    return (line.strip() for line in text.splitlines() if line.strip())


def prove(order: Order) -> None:
    """Open everything once in this process: what is wrong with it is then told before any worker is started.

    Raises:
        ManifestError: data are not there.
        WeightsError: weights to begin with, or those of VGG16, cannot be used.
    """
    open_samples(order)
    open_validation(order)
    network_of(order.config)
    perceptual_of(order.config, torch.device("cpu"))


# ---- carrying it out -------------------------------------------------------------------------------------------------


def carry_out(order: Order, group: WorkerGroup) -> Network:
    """This worker's part in the run; the weights' average at its end."""
    config = order.config
    validation = open_validation(order) if group.leads else {}
    validate = partial(judged, validation=validation, precision=config.precision, device=group.device)
    with Place(order.place) as place:
        return train(
            config, open_samples(order), place, pace=order.pace, validate=validate, group=group, data=order.data()
        )


def open_samples(order: Order) -> Samples:
    """The samples to train on.

    Raises:
        ManifestError: there is nothing to make them of.
    """
    config, mix = order.config, order.config.samples
    film: Sequence[Window] = VideoWindows(order.films, LOCATE, longest_px=config.sources.longest_px)
    stills = []
    if config.sources.prepared:
        folder = Path(config.sources.prepared)
        prepared = film_windows(folder, "film-train")
        film = JoinedWindows(prepared, film)
        stills = [*photographs(folder, held_out=False), *(window[0] for window in prepared[::FILM_STILLS_STEP])]
    if mix.film_share < 1 and not stills:
        raise ManifestError("made scenes need photographs", remedy="Name sources.prepared, or set film_share to 1.")
    if mix.film_share > 0 and not film:
        raise ManifestError("there is no film", remedy="Name sources.videos, or set film_share to 0.")
    faults = tuple(_too_small(order))
    if faults:
        raise ManifestError(f"pictures are smaller than samples.crop_px, {mix.crop_px}", problems=faults)
    return Samples(stills, film, mix, seed=config.seed)


def _too_small(order: Order) -> Iterator[str]:
    longest = order.config.sources.longest_px
    for film in order.films:
        scale = min(1.0, longest / max(film.width, film.height)) if longest else 1.0
        width, height = round(film.width * scale), round(film.height * scale)
        if min(width, height) < order.config.samples.crop_px:
            yield f"{film.source.uri}: {width}x{height}"


def open_validation(order: Order) -> Mapping[str, list[Case]]:
    """What the run is judged by; nothing where it is never judged.

    Raises:
        ManifestError: there is nothing to judge it by.
    """
    sources = order.config.sources
    if not order.pace.validate_every:
        return {}
    found = cases(Path(sources.prepared)) if sources.prepared else {}
    if order.validation:
        found |= video_cases(VideoWindows(order.validation, LOCATE, longest_px=sources.longest_px))
    if not found:
        raise ManifestError(
            "there is nothing to validate on", remedy="Name sources.validation, or say --validate-every 0."
        )
    return found
