"""A run's best weights as a file to ship: fp16 safetensors whose header says where they come from.

    python -m slomo_batch.training.exporting CONFIG RUN NAME [REPORT]

writes NAME.safetensors into the folder RUN, ready to be moved to the shipped ones. Exported once, the file can be
measured by `slomo-batch evaluate --write REPORT`; exported again, its header tells the ladder too.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from slomo_batch.interpolators.superslomo.guided import MEAN
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB
from slomo_batch.sanitize import one_line
from slomo_batch.training.config import BLOCK_PX, TrainingConfig, read_config
from slomo_batch.training.run_folder import BEST, METRICS

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


def export(config: TrainingConfig, run: Path, name: str, ladder: Mapping[str, float] | None = None) -> Path:
    """Write the best average of a run as `name`, with the PSNR of each row of its ladder in dB; the file."""
    best = torch.load(run / BEST, weights_only=True)
    tensors = {key: tensor.half().contiguous() for key, tensor in best["average"].items()}
    path = run / f"{name}.safetensors"
    header = metadata(config, name, step=best["step"], scores=scores_at(run, best["step"]))
    save_file(tensors, path, header | ({"ladder_psnr_db": _rounded(ladder)} if ladder else {}))
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
        "validation_psnr_db": _rounded(scores),
    }


def _rounded(scores: Mapping[str, float]) -> str:
    return json.dumps({key: round(score, 2) for key, score in scores.items()})


def scores_at(run: Path, step: int) -> dict[str, float]:
    """The validation of a step, from the run's metrics."""
    lines = [json.loads(line) for line in (run / METRICS).read_text(encoding="utf-8").splitlines()]
    scores: dict[str, float] = next(
        line["validation"] for line in lines if line["step"] == step and "validation" in line
    )
    return scores


def ladder_of(report: Path) -> dict[str, float]:
    """PSNR by clip and factor, in dB, of a report that `slomo-batch evaluate` wrote of these weights alone."""
    scores = json.loads(report.read_text(encoding="utf-8"))["scores"]
    return {f"{Path(score['name']).stem} {score['factor']}x": score["psnr_db"] for score in scores}


if __name__ == "__main__":
    config_file, run_folder, weights_name, *reports = sys.argv[1:]
    told = ladder_of(Path(reports[0])) if reports else None
    written = export(read_config(Path(config_file)), Path(run_folder), weights_name, told)
    sys.stdout.write(one_line(str(written)) + "\n")
