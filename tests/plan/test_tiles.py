"""Frames are made in tiles where a pair does not fit, as the plan decides."""

from fractions import Fraction

import pytest

from slomo_batch.plan.encoder_choice import EncoderChoice
from slomo_batch.plan.job_pin import JobPin, MethodPin, WeightsPin, resolve
from slomo_batch.plan.tiles import TILE_PX, tile_notes, tile_px
from slomo_batch.settings import Interpolate, Precision, Settings, Tiles

GIB = 1 << 30
UHD, UHD2 = (3840, 2160), (7680, 4320)


def tile(
    network: str, size: tuple[int, int], memory_gib: int, precision: Precision = "fp32", setting: Tiles = "auto"
) -> int:
    width, height = size
    return tile_px(setting, network, width=width, height=height, precision=precision, memory_bytes=memory_gib * GIB)


@pytest.mark.parametrize(
    ("network", "size", "memory_gib", "precision", "is_tiled"),
    [
        ("superslomo-guided", (1920, 1080), 1, "fp32", False),
        ("superslomo-guided", UHD, 8, "fp32", False),
        ("superslomo-guided", UHD2, 8, "fp32", True),
        ("superslomo-guided", UHD2, 16, "fp32", False),
        ("superslomo-guided", UHD2, 8, "bf16", False),
        ("superslomo-paper", (1920, 1080), 8, "fp32", False),
        ("superslomo-paper", UHD, 12, "fp32", True),
        ("superslomo-paper", UHD, 12, "fp16", False),
        ("superslomo-paper", UHD, 24, "fp32", False),
        ("superslomo-paper", UHD2, 24, "fp32", True),
        ("", UHD2, 1, "fp32", False),
    ],
)
def test_frames_are_made_in_tiles_where_a_pair_does_not_fit(
    network: str, size: tuple[int, int], memory_gib: int, precision: Precision, is_tiled: bool
) -> None:
    assert tile(network, size, memory_gib, precision) == is_tiled * TILE_PX


def test_a_setting_decides_it_by_hand() -> None:
    assert tile("superslomo-guided", (1920, 1080), 64, setting="always") == TILE_PX
    assert tile("superslomo-guided", (640, 360), 64, setting="always") == 0
    assert tile("superslomo-paper", UHD2, 1, setting="never") == 0


def test_jobs_of_earlier_versions_know_no_memory_and_make_no_tiles() -> None:
    assert tile("superslomo-paper", UHD2, 0) == 0


def test_the_plan_has_the_tiles_of_the_memory_that_the_job_pinned() -> None:
    weights = WeightsPin(name="compact-3", sha256="00", network="superslomo-guided")
    pin = JobPin(
        pixel_revision=1,
        precision="fp32",
        threads=1,
        nvenc_works=False,
        methods={"superslomo": MethodPin(weights={"compact": weights})},
        memory_bytes=8 * GIB,
    )
    choice = EncoderChoice(encoder="libx264", options=(), pixel_format="yuv420p", notes=())
    resolved = resolve(Settings(), pin, choice, *UHD2, least_context=1)
    assert (resolved.tile_px, resolved.flow_scale) == (TILE_PX, Fraction(1, 4))
    never = Settings(interpolate=Interpolate(tiles="never"))
    assert resolve(never, pin, choice, *UHD2, least_context=1).tile_px == 0


def test_a_note_says_why() -> None:
    assert tile_notes(0, "always") == ()
    assert "does not fit into memory" in tile_notes(TILE_PX, "auto")[0]
    assert "interpolate.tiles is always" in tile_notes(TILE_PX, "always")[0]
