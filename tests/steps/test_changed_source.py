"""A source that is no longer the one that was planned fails its video, wherever that is noticed first."""

from pathlib import Path

import pytest

from slomo_batch.errors import SourceChanged
from slomo_batch.interpolators.revision import PIXEL_REVISION
from slomo_batch.planning.resolving import JobPin
from slomo_batch.records import Interpolate, Settings, Source, VideoRequest
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.wiring import Places, open_bench
from tests.clips import clip

PIN = JobPin(pixel_revision=PIXEL_REVISION, precision="fp32", threads=1, nvenc_works=False, weights={})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return open_bench(Places(work_uri=str(tmp_path / "work"), job="job"))


def requested(path: Path, bench: Bench) -> VideoRequest:
    store, key = bench.locate(str(path))
    info = store.head(key)
    return VideoRequest(
        source=Source(uri=str(path), size_bytes=info.size_bytes, fingerprint=info.fingerprint),
        output_uri=str(path.with_suffix(".slow.mp4")),
        exists="skip",
        settings=Settings(interpolate=Interpolate(method="blend"), pairs_per_chunk=4),
    )


def test_before_it_is_probed(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    request = requested(source, bench)
    source.write_bytes(clip("full_range").data)
    with pytest.raises(SourceChanged):
        open_video(request, PIN, bench, afresh=False)


def test_between_the_plan_and_the_split(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("two_tracks").data)
    opened = open_video(requested(source, bench), PIN, bench, afresh=False)
    wanted = range(len(opened.pinned.chunks))
    assert list(split_video(opened.pinned, opened.lane, wanted, bench, sound=True)) == list(wanted)
    source.write_bytes(clip("two_tracks").data[:-1] + b"!")
    with pytest.raises(SourceChanged, match=r"clip\.mp4"):
        list(split_video(opened.pinned, opened.lane, wanted, bench, sound=True))
