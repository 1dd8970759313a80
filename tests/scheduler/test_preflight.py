"""Checks before a job starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slomo_batch.errors import ManifestError, StoreUnusable
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.load import load
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.scheduler.preflight import check_machines_share_storage, check_outputs_writable
from slomo_batch.settings import Settings
from slomo_batch.storage.local import LocalStore
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.manifest.manifests import with_inputs
from tests.strangers import as_stranger, open_folder


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_folder() as folder:
        monkeypatch.chdir(folder)
        yield folder


def check_as_stranger(*names: str, output: str) -> None:
    """Check the outputs of these sources as a user without access to the closed folders."""
    for name in names:
        LocalStore(Path.cwd()).put(name, b"video")
    manifest = load(with_inputs("[{uri: in}]", output=output, more="work: work"), where="job.yaml")
    context = open_context(JobEnvironment(work_uri=Uri(f"{Path.cwd()}/work"), job="job"))
    requests: tuple[VideoRequest, ...] = find_videos(manifest, context.locate).requests
    assert len(requests) == len(names)
    with as_stranger():
        check_outputs_writable(requests, context)


def test_one_closed_output_folder_does_not_stop_the_others(place: Path) -> None:
    (place / "out/a").mkdir(parents=True, mode=0o777)
    (place / "out").chmod(0o777)
    (place / "out/a").chmod(0o555)
    check_as_stranger("in/a/1.mp4", "in/b/2.mp4", output="out/{relpath}/{stem}.mp4")
    assert sorted(path.name for path in place.glob("out/*/*")) == []


def test_nothing_starts_if_no_output_folder_is_writable(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out").chmod(0o555)
    with pytest.raises(StoreUnusable, match="cannot write to this store"):
        check_as_stranger("in/a/1.mp4", "in/b/2.mp4", output="out/{relpath}/{stem}.mp4")


def test_an_output_with_the_longest_name_is_checked(place: Path) -> None:
    place.chmod(0o777)
    check_as_stranger(f"in/{'s' * 251}.mp4", output="out/{stem}.mp4")


@pytest.mark.parametrize("local", ["source", "output", "work"])
def test_several_machines_share_nothing_on_a_local_disk(local: str) -> None:
    def check(num_machines: int, where: dict[str, Uri], shared: tuple[str, ...] = ()) -> None:
        source = Source(uri=where["source"], size_bytes=1, fingerprint="1")
        request = VideoRequest(source=source, output_uri=where["output"], exists="skip", settings=Settings())
        context = open_context(JobEnvironment(work_uri=where["work"], job="job"))
        check_machines_share_storage(num_machines, [request], context, shared)

    on_s3 = {name: Uri.on_s3("bucket", name) for name in ("source", "output", "work")}
    check(2, on_s3)
    mixed = {**on_s3, local: Uri(f"/data/{local}")}
    check(1, mixed)
    check(2, mixed, shared=("/data",))
    with pytest.raises(ManifestError, match=f"^/data/{local}: the cluster has 2 machines"):
        check(2, mixed)
