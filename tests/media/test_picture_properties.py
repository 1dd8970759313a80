"""Properties that the plan takes from the first pictures are checked on all later ones."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media import sequence_headers
from slomo_batch.records.source_facts import Lane
from tests.clips.film import Film, joined, made
from tests.media.sources import Opened

EARLY, LATE = 12, 60
"""Pictures before the change: the proof looks at some 36."""


def film(**options: str) -> Film:
    params = ":".join(f"{name}={value}" for name, value in {"scenecut": "0", "threads": "1", **options}.items())
    return Film(suffix=".ts", options={"g": "12", "bf": "0", "preset": "ultrafast", "x264-params": params})


PLAIN = film()
TAGGED = film(colormatrix="bt709", transfer="bt709", colorprim="bt709")
TALL = film(sar="4/3")
FULL = replace(film(range="pc"), pix_fmt="yuvj420p")
FIELDS = film(tff="1")
FIELDS = replace(FIELDS, options={**FIELDS.options, "flags": "+ilme+ildct"})
CHANGES: dict[str, tuple[Film, Film, str]] = {
    "interlaced": (PLAIN, FIELDS, "scan type changes midway"),
    "size": (PLAIN, replace(PLAIN, size=(96, 64)), "size.* changes midway"),
    "turned": (PLAIN, replace(PLAIN, size=(48, 64)), "size.* changes midway"),
    "depth": (PLAIN, replace(PLAIN, pix_fmt="yuv420p10le"), "pixel format changes midway"),
    "chroma": (PLAIN, replace(PLAIN, pix_fmt="yuv444p"), "pixel format changes midway"),
    "range": (TAGGED, FULL, "sample range changes midway"),
    "range, untagged before": (PLAIN, FULL, "sample range changes midway"),
    "matrix": (TAGGED, film(colormatrix="smpte170m", transfer="bt709", colorprim="bt709"), "color matrix changes"),
    "matrix, untagged before": (PLAIN, film(colormatrix="bt2020nc"), "color matrix changes"),
    "transfer": (TAGGED, film(colormatrix="bt709", transfer="linear", colorprim="bt709"), "transfer changes"),
    "HDR, untagged before": (PLAIN, film(transfer="smpte2084"), "transfer changes"),
    "primaries": (TAGGED, film(colormatrix="bt709", transfer="bt709", colorprim="bt2020"), "primaries change"),
    "aspect ratio": (film(sar="1/1"), TALL, "sample aspect ratio changes"),
}
CHANGED_FORMATS = ("depth", "chroma")
CONVERTED = (*CHANGED_FORMATS, "size", "turned")
"""What is converted if it is seen when probing."""


@cache
def changing(kind: str, num_before: int) -> bytes:
    before, after, _ = CHANGES[kind]
    return joined(replace(before, num_frames=num_before), replace(after, num_frames=24))


@pytest.mark.parametrize("num_before", [EARLY, LATE])
@pytest.mark.parametrize("kind", [kind for kind in CHANGES if kind not in {*CONVERTED, "interlaced"}])
def test_a_change_at_a_new_sequence_header_is_refused_at_once(kind: str, num_before: int) -> None:
    with pytest.raises(SourceUnsupported, match=f"film, source frame at pts .*{CHANGES[kind][2]}"):
        Opened.of("film", changing(kind, num_before))


@pytest.mark.parametrize("lane", ["copy", "decode"])
@pytest.mark.parametrize("kind", CHANGES)
def test_a_late_change_without_a_header_fails_the_video(
    kind: str, lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence_headers, "_PATTERNS", {})
    data = changing(kind, LATE)
    if kind == "interlaced":  # between the pictures that are sampled when probing
        data = joined(*(replace(film, num_frames=num) for film, num in ((PLAIN, LATE), (FIELDS, 12), (PLAIN, 120))))
    source = Opened.of("film", data)
    slices = source.slices([0, LATE // 2, LATE, LATE + 24], overlap=1)
    with pytest.raises(SourceUnsupported, match=CHANGES[kind][2]) as caught:
        source.chunk_hashes(source.split(slices, tmp_path, lane=lane))
    assert not caught.value.retryable


@pytest.mark.parametrize("kind", ["range", "HDR, untagged before"])
def test_a_joined_part_that_differs_is_refused_at_once(kind: str) -> None:
    before, after, reason = CHANGES[kind]
    data = made(replace(before, num_frames=LATE)) + made(replace(after, num_frames=24))
    with pytest.raises(SourceUnsupported, match=reason):
        Opened.of("film", data)


def test_an_early_change_of_scan_is_left_to_a_survey() -> None:
    before, after, _ = CHANGES["interlaced"]
    joined_parts = made(replace(before, num_frames=LATE)) + made(replace(after, num_frames=24))
    for data in (changing("interlaced", EARLY), joined_parts):
        assert Opened.of("film", data).probe.facts.scan.varies


@pytest.mark.parametrize("kind", CHANGED_FORMATS)
def test_an_early_change_of_pixel_format_is_converted_and_noted(kind: str, tmp_path: Path) -> None:
    source = Opened.of("film", changing(kind, EARLY))
    form = CHANGES[kind][1].pix_fmt
    assert source.probe.facts.lane == "decode"
    assert f"the pixel format changes midway: {form} is converted" in source.probe.facts.oddities
    chunks = source.chunk_hashes(source.split(source.slices([0, EARLY + 24]), tmp_path, lane="decode"))
    assert len(chunks[0]) == EARLY + 24


def test_tags_that_state_what_players_assume_are_not_a_change(tmp_path: Path) -> None:
    data = joined(replace(PLAIN, num_frames=24), replace(TAGGED, num_frames=24))
    source = Opened.of("film", data)
    assert len(source.chunk_hashes(source.split(source.slices([0, 48]), tmp_path))[0]) == 48
