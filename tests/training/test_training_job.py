"""From the sources of a config to samples: finding videos, lists of names, and errors."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from slomo_batch.errors import ManifestError, WeightsError
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.training.config import DataSources, TrainingConfig, VideoSource
from slomo_batch.training.distributed import WorkerGroup
from slomo_batch.training.loop import LoopOptions
from slomo_batch.training.run_folder import CHECKPOINT, LOCK, SAMPLES, RunFolder
from slomo_batch.training.samples import SampleConfig
from slomo_batch.training.training_job import (
    TrainingJob,
    check_job,
    find_videos,
    open_samples,
    open_validation,
    prepare_job,
    run_worker,
)
from slomo_batch.uri import Uri
from tests.s3_server import S3Server
from tests.training.test_videos import pan, written

MIX = SampleConfig(crop_px=64, film_share=1, spans=(8,), span_shares=(1,))
CONFIG = TrainingConfig(steps=2, batch=1, precision="fp32", samples=MIX)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos in the layout of Adobe240, and its lists."""
    folder = tmp_path_factory.mktemp("adobe240fps")
    (folder / "videos").mkdir()
    for number in range(3):
        written(folder / "videos" / f"IMG_{number}.mov", pan(12, seed=number))
    (folder / "train_list.txt").write_text("IMG_2.mov\nIMG_0.mov\n")
    (folder / "test_list.txt").write_text("IMG_1.mov\n")
    return folder


def order_of(sources: DataSources, out: Path) -> TrainingJob:
    return prepare_job(replace(CONFIG, sources=sources), Uri(out), LoopOptions())


def names(videos: VideoSource) -> list[str]:
    return [source.uri.rpartition("/")[2] for source in find_videos(videos)]


def test_a_list_selects_videos(footage: Path, tmp_path: Path) -> None:
    place, train, test = f"{footage}/videos/", f"{footage}/train_list.txt", f"{footage}/test_list.txt"
    assert names(VideoSource(uri=place)) == ["IMG_0.mov", "IMG_1.mov", "IMG_2.mov"]
    assert names(VideoSource(uri=f"{footage}/videos/*.mov", without=("*_1*",))) == ["IMG_0.mov", "IMG_2.mov"]
    sources = DataSources(
        prepared="", videos=(VideoSource(uri=place, names=train),), validation=(VideoSource(uri=place, names=test),)
    )
    job = order_of(sources, tmp_path / "run")
    assert [film.source.uri.rpartition("/")[2] for film in job.films] == ["IMG_2.mov", "IMG_0.mov"]
    assert [film.source.uri.rpartition("/")[2] for film in job.validation] == ["IMG_1.mov"]
    assert len(list((tmp_path / "run" / "windows").iterdir())) == 3
    samples, cases = open_samples(job), open_validation(job)
    times = {float(samples[number]["t"]) * 8 for number in range(40)}
    assert times == {1, 2, 3, 4, 5, 6, 7}
    assert samples[3]["frame"].shape == (3, 64, 64)
    assert {name: len(found[0].between) for name, found in cases.items()} == {
        "videos 2x": 1, "videos 4x": 3, "videos 8x": 7,
    }  # fmt: skip
    assert not torch.equal(cases["videos 8x"][0].i0, cases["videos 8x"][0].i1)


@pytest.mark.parametrize(
    ("videos", "problem"),
    [
        (VideoSource(uri="gs://b/a.mov"), "uri: unsupported URI scheme gs://; use s3://bucket/key or a local path"),
        (VideoSource(table="videos.txt"), "table: unsupported table 'videos.txt'; its name must end in one of "),
    ],
)
def test_an_invalid_location_is_reported_in_plain_words(videos: VideoSource, problem: str) -> None:
    with pytest.raises(ManifestError, match="invalid input") as caught:
        find_videos(videos)
    [complaint] = caught.value.problems
    assert complaint.startswith(problem)


def test_a_table_names_videos(footage: Path, tmp_path: Path) -> None:
    (tmp_path / "videos.csv").write_text(f"uri\n{footage}/videos/IMG_1.mov\n")
    assert names(VideoSource(table=str(tmp_path / "videos.csv"))) == ["IMG_1.mov"]


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ({"videos": (VideoSource(uri="{0}/none/"),)}, "none"),
        ({"videos": (VideoSource(uri="{0}/videos/none.mov"),)}, "none.mov"),
        ({"videos": (VideoSource(uri="http://host/a.mov"),)}, "http"),
        ({"videos": (VideoSource(uri="{0}/videos/", names="{0}/none.txt"),)}, "none.txt"),
        ({"videos": (VideoSource(uri="{0}/videos/*_0.mov", names="{0}/test_list.txt"),)}, "IMG_1.mov is in the list"),
        (
            {"videos": (VideoSource(uri="{0}/videos/"),), "validation": (VideoSource(uri="{0}/videos/*_1.mov"),)},
            "IMG_1.mov",
        ),
    ],
)
def test_problems_with_sources_are_reported(
    sources: Mapping[str, tuple[VideoSource, ...]], complaint: str, footage: Path, tmp_path: Path
) -> None:
    def placed(key: str) -> tuple[VideoSource, ...]:
        found = sources.get(key, ())
        return tuple(replace(v, uri=v.uri.format(footage), names=v.names.format(footage)) for v in found)

    with pytest.raises(ManifestError) as caught:
        order_of(DataSources(prepared="", videos=placed("videos"), validation=placed("validation")), tmp_path / "run")
    assert complaint in "\n".join((str(caught.value), *caught.value.problems))


def test_a_name_of_several_videos_is_refused(footage: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "IMG_1.mov").write_bytes((footage / "videos" / "IMG_1.mov").read_bytes())
    with pytest.raises(ManifestError) as caught:
        find_videos(VideoSource(uri=f"{tmp_path}/**", names=f"{footage}/test_list.txt"))
    assert caught.value.problems == (f"IMG_1.mov is in the list, but several times in {tmp_path}/**",)


def test_other_prepared_data_are_other_data(footage: Path, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    job = order_of(DataSources(prepared="", videos=(VideoSource(uri=f"{footage}/videos/"),)), tmp_path / "run")
    job = replace(job, config=replace(job.config, sources=replace(job.config.sources, prepared=str(tmp_path))))
    ids = set()
    for level in (1, 2):
        np.save(tmp_path / "films" / "film-train.npy", np.full((2, 3, 80, 96, 3), level, dtype=np.uint8))
        ids.add(job.data_id())
        assert job.data_id() in ids
    assert len(ids) == 2
    large = replace(job, config=replace(job.config, samples=replace(MIX, crop_px=96)), films=())
    (tmp_path / "photographs").mkdir()
    with pytest.raises(ManifestError, match=r"smaller than samples\.crop_px, 96") as caught:
        open_samples(large)
    assert caught.value.problems == (f"{tmp_path}: 96x80",)


def test_a_teacher_and_a_guide_are_tried_before_the_run(footage: Path, tmp_path: Path) -> None:
    job = order_of(DataSources(prepared="", videos=(VideoSource(uri=f"{footage}/videos/"),)), tmp_path / "run")
    job = replace(job, options=replace(job.options, validate_every=0))
    check_job(job)
    with pytest.raises(WeightsError, match="matched-1"):
        check_job(replace(job, config=replace(job.config, network="matched", guide="matched-1")))


def test_sources_that_do_not_suffice_are_reported(footage: Path, tmp_path: Path) -> None:
    videos = (VideoSource(uri=f"{footage}/videos/*_0.mov"),)
    job = order_of(DataSources(prepared="", videos=videos), tmp_path / "run")
    with pytest.raises(ManifestError, match="no data to validate on"):
        open_validation(job)
    scenes = replace(job, config=replace(job.config, samples=replace(MIX, film_share=0.5)))
    with pytest.raises(ManifestError, match="need photographs"):
        open_samples(scenes)
    large = replace(job, config=replace(job.config, samples=replace(MIX, crop_px=80)))
    with pytest.raises(ManifestError, match=r"smaller than samples\.crop_px, 80") as caught:
        open_samples(large)
    assert caught.value.problems == (f"{footage}/videos/IMG_0.mov: 96x64",)
    stored = replace(job, config=replace(job.config, samples=replace(MIX, crop_px=64, margin_px=8, stored=4)))
    with pytest.raises(ManifestError, match=r"smaller than samples\.crop_px \+ margin_px, 72"):
        open_samples(stored)


def test_other_videos_are_other_data(footage: Path, tmp_path: Path) -> None:
    def data(glob: str) -> str:
        videos = (VideoSource(uri=f"{footage}/videos/{glob}"),)
        return order_of(DataSources(prepared="", videos=videos), tmp_path / "run").data_id()

    assert data("*") == data("*") != data("*_0.mov")


def test_videos_and_the_run_folder_may_be_on_s3(
    footage: Path, tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    store.put_file("videos/a.mov", footage / "videos" / "IMG_0.mov")
    sources = DataSources(prepared="", videos=(VideoSource(uri=f"s3://{bucket}/videos/"),))
    ends = []
    for place, stops in ((Uri.on_s3(bucket, "runs/a"), (1, 2)), (Uri(tmp_path / "run"), (2,))):
        for stop_at in stops:
            options = LoopOptions(data_workers=0, validate_every=0, stop_at=stop_at)
            network = run_worker(prepare_job(replace(CONFIG, sources=sources), place, options), WorkerGroup())
        ends.append(torch.cat([parameter.detach().flatten() for parameter in network.parameters()]))
    assert torch.equal(*ends), "gone on with from S3, as in a folder in one go"
    kept = {found.key.removeprefix("runs/a/").partition("/")[0] for found in store.list("runs/a/")}
    assert kept == {"checkpoint.pt", "tensorboard", "windows"}


def test_stored_samples_of_a_run_on_s3_stay_on_the_machine(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    bucket = s3.make_bucket()
    with RunFolder(Uri.on_s3(bucket, "runs/b")) as run:
        for name in (f"{SAMPLES}0123abcd-0-of-1/frame.npy", "checkpoint.partial", LOCK, CHECKPOINT):
            (run.folder / name).parent.mkdir(exist_ok=True)
            (run.folder / name).write_bytes(b"0")
        run.upload()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    assert [found.key for found in store.list("runs/b/")] == [f"runs/b/{CHECKPOINT}"]
