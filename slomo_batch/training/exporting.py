"""A run's best weights as a file to ship: fp16 safetensors whose header says where they come from.

    python -m slomo_batch.training.exporting CONFIG RUN NAME

writes NAME.safetensors into the folder RUN, ready to be moved to the shipped ones.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from slomo_batch.interpolators.superslomo.guided import MEAN
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB
from slomo_batch.training.config import BLOCK_PX, TrainingConfig, read_config
from slomo_batch.training.place import BEST, METRICS

LICENCE = "MIT"
INPUT = {
    "guided": {
        "input": f"RGB 0 to 1 at half size, less {MEAN}; sizes multiples of {BLOCK_PX}",
        "mean": str(MEAN),
    },
    "paper": {
        "input": f"RGB 0 to 1, less {MEAN_RGB}; sizes multiples of {BLOCK_PX}",
        "mean": ", ".join(map(str, MEAN_RGB)),
    },
}
"""What each network is given."""


def export(config: TrainingConfig, run: Path, name: str) -> Path:
    """Write the best average of a run as `name`; the file."""
    best = torch.load(run / BEST, weights_only=True)
    tensors = {key: tensor.half().contiguous() for key, tensor in best["average"].items()}
    path = run / f"{name}.safetensors"
    save_file(tensors, path, metadata(config, name, step=best["step"], scores=scores_at(run, best["step"])))
    return path


def metadata(config: TrainingConfig, name: str, *, step: int, scores: dict[str, float]) -> dict[str, str]:
    """The header of a weights file."""
    return {
        "format": "pt",
        "network": f"superslomo-{config.network}",
        "name": name,
        "licence": LICENCE,
        **INPUT[config.network],
        "scale": "1",
        "started_from": config.start,
        "training_config": config.digest(),
        "training_samples": str(step * config.batch),
        "validation_psnr_db": json.dumps({key: round(score, 2) for key, score in scores.items()}),
    }


def scores_at(run: Path, step: int) -> dict[str, float]:
    """The validation of a step, from the run's metrics."""
    lines = [json.loads(line) for line in (run / METRICS).read_text(encoding="utf-8").splitlines()]
    scores: dict[str, float] = next(
        line["validation"] for line in lines if line["step"] == step and "validation" in line
    )
    return scores


if __name__ == "__main__":
    sys.stdout.write(f"{export(read_config(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3])}\n")
