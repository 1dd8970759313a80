"""A small prepared folder for training in tests, and short configs for it."""

from pathlib import Path

import numpy as np
import torch

from tests.interpolators.footage import texture, window_on

SHORT = """
steps: {steps}
batch: 2
learning_rate: 1.0e-3
warm_up_steps: 2
ema_decay: 0.5
precision: fp32
sources: {{prepared: {prepared}}}
samples: {{crop_px: 64, film_share: 0.3, scenes: {{max_motion_px: 6}}}}
"""


def prepare(folder: Path) -> Path:
    """Photographs, and films that pan by two pixels a frame."""
    (folder / "photographs").mkdir(parents=True)
    (folder / "films").mkdir()
    for seed in range(3):
        np.save(folder / "photographs" / f"{seed}.npy", eight_bits(texture(150, 170, seed=seed)))
    scene = texture(100, 130, seed=9)
    window = np.stack([eight_bits(window_on(scene, 40 - 2 * number, 10, 72, 64)) for number in range(9)])
    for part in ("film-train", "film-validation", "world-validation"):
        np.save(folder / "films" / f"{part}.npy", np.stack([window, window]))
    return folder


def eight_bits(image_CHW: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """[H, W, 3]."""
    return (image_CHW.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def short_config(folder: Path, steps: int) -> Path:
    """A config of few steps on a prepared folder beside it, in a file."""
    path = folder / "short.yaml"
    path.write_text(SHORT.format(steps=steps, prepared=prepare(folder / "prepared")))
    return path
