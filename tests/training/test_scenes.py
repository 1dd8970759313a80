"""Synthetic scenes: the returned flow matches the rendered motion."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.training.random_scenes import SceneConfig, random_layers, random_scene
from slomo_batch.training.scenes import (
    Layer,
    Outline,
    ParallelBars,
    Scene,
    affine_around,
    compose,
    flow,
    identity,
    inverse,
    render,
)
from tests.interpolators.footage import texture

SIZE = 96
MIDDLE = np.full(2, (SIZE - 1) / 2)
SEEDS = range(6)


def smooth_photograph(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return (texture(220, 240, seed=seed).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


PHOTOGRAPHS = [smooth_photograph(seed) for seed in range(3)]


def background(motion: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Layer:
    placement = affine_around(MIDDLE, np.eye(2), np.full(2, 70.3))
    return Layer(texture=texture(240, 240), placement=placement, motion=motion)


def disc(x: float, y: float, radius_px: float, motion: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Layer:
    outline = Outline(center=np.array([x, y]), radius_px=radius_px)
    return Layer(texture=texture(240, 240, seed=1), placement=identity(), motion=motion, outline=outline)


def shift(x: float, y: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return affine_around(np.zeros(2), np.eye(2), np.array([x, y]))


def visible(flow_there: Tensor, flow_back: Tensor) -> Tensor:
    """Pixels whose motion, followed there and back, ends where it began, and stays in the picture."""
    back = exact_warp(flow_back[None], flow_there[None])[0]
    closed = (flow_there + back).abs().amax(dim=0) < 0.05
    height, width = closed.shape
    x = torch.arange(width) + flow_there[0]
    y = torch.arange(height)[:, None] + flow_there[1]
    return closed & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_flow_of_a_drawn_scene_warps_one_frame_onto_the_other(seed: int) -> None:
    layers = random_layers(PHOTOGRAPHS, SceneConfig(max_motion_px=20), np.random.default_rng(seed), SIZE)
    (i0, seen_0), (i1, seen_1) = (render(layers, t, SIZE, SIZE) for t in (0, 1))
    flow_01, flow_10 = flow(layers, seen_0, 0, 1), flow(layers, seen_1, 1, 0)
    where = visible(flow_01, flow_10)
    assert where.float().mean() > 0.2
    fetched = exact_warp(i1[None], flow_01[None])[0]
    # Two resamplings, and soft edges that carry some of what is behind them, leave a little.
    assert (fetched - i0).abs().mean(dim=0)[where].quantile(0.95) < 0.03
    still = (i1 - i0).abs().mean(dim=0)[where].mean()
    moved = (fetched - i0).abs().mean(dim=0)[where].mean()
    assert moved < still or still < 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_the_frame_at_t_is_where_the_linear_fit_looks_for_it(seed: int) -> None:
    layers = random_layers(PHOTOGRAPHS, SceneConfig(max_motion_px=20), np.random.default_rng(seed), SIZE)
    i0, seen_0 = render(layers, 0, SIZE, SIZE)
    middle, seen_t = render(layers, 0.375, SIZE, SIZE)
    flow_t0 = flow(layers, seen_t, 0.375, 0)
    where = visible(flow_t0, flow(layers, seen_0, 0, 0.375))
    off = (exact_warp(i0[None], flow_t0[None])[0] - middle).abs().mean(dim=0)
    assert off[where].quantile(0.95) < 0.03


def test_points_move_in_a_straight_line_at_constant_speed() -> None:
    turning = affine_around(np.array([10.0, 20.0]), np.array([[0.9, -0.3], [0.2, 1.1]]), np.array([7.0, -3.0]))
    layers = [background(turning)]
    seen = torch.zeros(SIZE, SIZE, dtype=torch.int64)
    whole = flow(layers, seen, 0, 1)
    for t in (0.125, 0.5, 0.875):
        torch.testing.assert_close(flow(layers, seen, 0, t), t * whole, rtol=0, atol=1e-3)


def test_a_pan_is_the_same_flow_everywhere_and_its_opposite_backwards() -> None:
    layers = [background(shift(12.5, -4))]
    seen = torch.zeros(SIZE, SIZE, dtype=torch.int64)
    there, back = flow(layers, seen, 0, 1), flow(layers, seen, 1, 0)
    torch.testing.assert_close(there[0], torch.full((SIZE, SIZE), 12.5), rtol=0, atol=1e-4)
    torch.testing.assert_close(there[1], torch.full((SIZE, SIZE), -4.0), rtol=0, atol=1e-4)
    torch.testing.assert_close(back, -there, rtol=0, atol=1e-4)


def test_a_whole_pixel_pan_moves_the_picture_bit_for_bit_nearly() -> None:
    layers = [background(shift(8, 0))]
    i0, _ = render(layers, 0, SIZE, SIZE)
    i1, _ = render(layers, 1, SIZE, SIZE)
    torch.testing.assert_close(i1[..., 8:], i0[..., :-8], rtol=0, atol=1e-4)


def test_what_is_in_front_hides_what_is_behind_and_carries_its_own_flow() -> None:
    layers = [background(shift(2, 0)), disc(40, 48, 20, shift(-10, 0)), disc(48, 48, 8, shift(0, 6))]
    _, seen = render(layers, 0, SIZE, SIZE)
    there = flow(layers, seen, 0, 1)
    for (x, y), number, expected in (((48, 48), 2, (0, 6)), ((30, 48), 1, (-10, 0)), ((90, 10), 0, (2, 0))):
        assert seen[y, x] == number
        torch.testing.assert_close(there[:, y, x], torch.tensor(expected, dtype=torch.float32), rtol=0, atol=1e-4)


def test_a_cut_out_covers_its_area() -> None:
    _, seen = render([background(identity()), disc(48, 48, 30, identity())], 0, SIZE, SIZE)
    assert float((seen == 1).sum()) == pytest.approx(np.pi * 30**2, rel=0.02)
    _, moved = render([background(identity()), disc(48, 48, 30, shift(9, 0))], 1, SIZE, SIZE)
    assert torch.equal(moved[:, 9:], seen[:, :-9])


def test_all_times_are_as_sharp_as_one_another() -> None:
    """A layer sampled at whole pixels at time 0 and between them at t would teach a network to blur."""
    rng = np.random.default_rng(3)
    sharp = rng.integers(0, 256, (220, 240, 3), dtype=np.uint8)
    rates = []
    for seed in range(8):
        layers = random_layers([sharp], SceneConfig(max_cut_outs=0), np.random.default_rng(seed), SIZE)
        details = [float(render(layers, t, SIZE, SIZE)[0].diff(dim=2).abs().mean()) for t in (0, 0.5)]
        rates.append(details[1] / details[0])
    assert np.mean(rates) == pytest.approx(1, abs=0.05)


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6))
@settings(max_examples=50, deadline=None)
def test_an_affine_map_and_its_inverse_lead_back(numbers: list[float]) -> None:
    affine = np.array(numbers).reshape(2, 3) + 4 * identity()
    if abs(np.linalg.det(affine[:, :2])) > 0.1:
        np.testing.assert_allclose(compose(inverse(affine), affine), identity(), atol=1e-6)


def test_motions_are_as_long_as_asked_and_some_are_still() -> None:
    lengths = []
    for seed in range(300):
        mix = SceneConfig(max_motion_px=60, max_cut_outs=0, affine_share=0)
        (layer,) = random_layers(PHOTOGRAPHS, mix, np.random.default_rng(seed), SIZE)
        lengths.append(float(np.hypot(*layer.motion[:, 2])))
    assert max(lengths) <= 60
    assert 0.01 < np.mean(np.array(lengths) <= 1) < 0.25
    assert np.mean(np.array(lengths) > 24) > 0.08


def test_bars_cover_their_area_and_a_fence_that_of_each() -> None:
    def area(number: int) -> float:
        bars = ParallelBars(center=MIDDLE, angle=0.6, length_px=50, width_px=4, number=number, pitch_px=11)
        x, y = torch.arange(SIZE).float().expand(SIZE, SIZE), torch.arange(SIZE).float()[:, None].expand(SIZE, SIZE)
        return float(bars.coverage(x, y).sum())

    assert area(1) == pytest.approx(200, rel=0.03)
    assert area(4) == pytest.approx(800, rel=0.03)


def test_an_accelerated_layer_starts_slowly_and_arrives_on_time() -> None:
    layer = Layer(texture=texture(8, 8), placement=identity(), motion=shift(100, 0), acceleration=1.0)
    along = [float(layer.at(t)[0, 2]) for t in (0, 0.01, 0.5, 0.99, 1)]
    assert along[0] == 0
    assert along[4] == 100
    assert (along[4] - along[3]) - (along[1] - along[0]) == pytest.approx(1, rel=0.02)  # 100 px times 0.01
    assert along[2] < 50


def test_an_open_shutter_blurs_what_moves_along_its_path_and_nothing_else() -> None:
    layers = [background(identity()), disc(48, 48, 12, shift(40, 0))]
    (sharp, seen), (blurred, seen_too) = (
        Scene(layers=layers, exposure=exposure).picture(0.5, SIZE, SIZE) for exposure in (0.0, 0.5)
    )
    assert torch.equal(seen, seen_too)
    changed = ((sharp - blurred).abs().amax(dim=0) > 0.02).nonzero()
    path = 68 - 12 - 10 - 2, 68 + 12 + 10 + 2  # the disc at t, its radius, half the exposure, and the soft edge
    assert len(changed) > 100
    assert path[0] <= int(changed[:, 1].min())
    assert int(changed[:, 1].max()) <= path[1]


def test_brightness_changes_linearly_in_time() -> None:
    scene = Scene(layers=[background(identity())], gains=(1.0, 0.5))
    pictures = [scene.picture(t, SIZE, SIZE)[0] for t in (0, 0.5, 1)]
    torch.testing.assert_close(pictures[1], 0.75 * pictures[0])
    torch.testing.assert_close(pictures[2], 0.5 * pictures[0])


def test_shares_of_zero_draw_what_was_drawn_before_they_existed() -> None:
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    scene, layers = (
        random_scene(PHOTOGRAPHS, SceneConfig(), one, SIZE),
        random_layers(PHOTOGRAPHS, SceneConfig(), other, SIZE),
    )
    assert one.bit_generator.state == other.bit_generator.state
    assert torch.equal(scene.picture(0.3, SIZE, SIZE)[0], render(layers, 0.3, SIZE, SIZE)[0])


def test_each_share_of_one_is_always_drawn() -> None:
    def scenes(config: SceneConfig) -> list[Scene]:
        return [random_scene(PHOTOGRAPHS, config, np.random.default_rng(seed), SIZE) for seed in range(6)]

    for scene in scenes(SceneConfig(thin_share=1)):
        assert all(isinstance(layer.outline, ParallelBars) for layer in scene.layers[1:])
    for scene in scenes(SceneConfig(overlay_share=1)):
        np.testing.assert_array_equal(scene.layers[-1].motion, identity())
        assert isinstance(scene.layers[-1].outline, ParallelBars)
    assert all(layer.acceleration for scene in scenes(SceneConfig(accelerated_share=1)) for layer in scene.layers)
    assert all(scene.exposure for scene in scenes(SceneConfig(blur_share=1)))
    assert all(scene.gains != (1, 1) for scene in scenes(SceneConfig(light_share=1)))
    for plain, enlarged in zip(scenes(SceneConfig()), scenes(SceneConfig(enlarged_share=1)), strict=True):
        before, after = (np.linalg.det(scene.layers[0].placement[:, :2]) for scene in (plain, enlarged))
        assert 1.5 <= np.sqrt(before / after) <= 4  # the same random numbers up to there
    for scene in scenes(SceneConfig(pattern_share=1)):  # a row of the texture is the same again some pixels further
        row = scene.layers[0].texture[0, 0]
        assert any(torch.equal(row[period:], row[:-period]) for period in range(6, 49))
