"""Containers: which codecs they support, and what they lose of a video."""

from fractions import Fraction

from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.containers import CONTAINERS, container_of, validate_container
from slomo_batch.records import ColorFacts

BT709 = ColorFacts(range="limited", matrix="bt709", primaries="bt709", transfer="bt709")


def test_a_container_is_found_by_a_suffix_in_any_case() -> None:
    assert container_of(".mkv") is container_of(".MKV") is CONTAINERS[".mkv"]


def test_containers_are_validated_by_the_codecs_they_support() -> None:
    taken = {(codec, suffix) for codec in CODECS for suffix in CONTAINERS if not validate_container(codec, suffix)}
    refused = {("prores", ".mp4"), ("av1", ".mov"), ("ffv1", ".mov")}
    assert taken == {(codec, suffix) for codec in CODECS for suffix in CONTAINERS} - refused
    assert validate_container("h264", ".MP4") == []
    assert validate_container("prores", ".mp4") == [
        ".mp4 does not support prores; use .mov or .mkv, or av1, ffv1, h264 or hevc in .mp4"
    ]
    assert "unsupported output suffix .webm" in validate_container("av1", ".webm")[0]
    assert "the output has no suffix" in validate_container("av1", "")[0]


def test_what_a_container_cannot_carry_is_named() -> None:
    square, wide = Fraction(1), Fraction(4, 3)
    assert CONTAINERS[".mp4"].losses("h264", sample_aspect_ratio=wide, color=BT709) == ()
    assert len(CONTAINERS[".mkv"].losses("h264", sample_aspect_ratio=wide, color=BT709)) == 1
    assert "4/3 is lost" in CONTAINERS[".mkv"].losses("av1", sample_aspect_ratio=wide, color=BT709)[1]
    half = ColorFacts(range="full", matrix="smpte170m")
    assert "color description" in CONTAINERS[".mp4"].losses("ffv1", sample_aspect_ratio=square, color=half)[0]
    assert "full-range samples" in CONTAINERS[".mov"].losses("prores", sample_aspect_ratio=square, color=half)[0]
