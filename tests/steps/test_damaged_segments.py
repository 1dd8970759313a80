"""Segments that are damaged when they are to be joined: one stitch finds all of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.errors import WorkDamaged
from slomo_batch.records import ChunkTask, Encode
from slomo_batch.steps.interpolate import interpolate_chunk
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stitch import stitch_video
from slomo_batch.wiring import Places, open_bench
from tests.clips.catalogue import clip
from tests.steps.test_changed_source import PIN, requested


def test_all_damaged_segments_are_withdrawn_by_one_stitch(tmp_path: Path) -> None:
    """Each damage costs the video an attempt; a disk that is damaged seldom damages one file."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("no_audio").data)
    bench = open_bench(Places(work_uri=str(tmp_path / "work"), job="job"))
    request = requested(source, bench)
    settings = replace(request.settings, pairs_per_chunk=14, encode=Encode(preset="ultrafast"))
    request = replace(request, settings=settings)
    pinned = open_video(request, PIN, bench, afresh=False).pinned
    numbers = set(split_video(pinned, "copy", range(len(pinned.chunks)), bench, sound=False))
    for chunk in pinned.chunks:
        list(interpolate_chunk(ChunkTask(plan=pinned.plan, chunk=chunk, lane="copy", attempt="first"), bench))
    assert open_video(request, PIN, bench, afresh=False).done == numbers == {0, 1, 2}
    for found in list(bench.work.list(bench.layout.segments(pinned.plan.video_id)))[1:]:
        bench.work.put(found.key, bytes(found.size_bytes))
    with pytest.raises(WorkDamaged):
        stitch_video(pinned, "copy", bench, exists="skip")
    assert len(open_video(request, PIN, bench, afresh=False).done) == 1
