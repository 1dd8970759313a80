"""Export the best weights of a run as fp16 safetensors, with their origin in the header.

    python -m slomo_batch.training.exporting CONFIG RUN NAME [REPORT]

writes NAME.safetensors into the folder RUN. To ship it, move it to interpolators/superslomo/shipped. To add the
ladder to the header, measure the exported file with `slomo-batch evaluate --write REPORT`, and pass REPORT.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.paper import MEAN_RGB
from slomo_batch.interpolators.superslomo.synthesis import MEAN
from slomo_batch.interpolators.superslomo.weights import EDGES_KEY, PRIOR_KEY, SCALES_KEY
from slomo_batch.sanitize import one_line
from slomo_batch.serialization import to_json
from slomo_batch.training.checkpoint import BestAverage, load_best
from slomo_batch.training.config import BLOCK_PX, TrainingConfig, read_config
from slomo_batch.training.programs import run_program
from slomo_batch.training.run_folder import BEST
from slomo_batch.training.run_log import log

LICENSE = "MIT"
INPUT_NOTES = {
    "guided": {
        "input": f"RGB 0 to 1 at half size, less {MEAN}; sizes multiples of {BLOCK_PX}",
        "mean": str(MEAN),
    },
    "matched": {
        "input": f"RGB 0 to 1 at half size, less {MEAN}; sizes multiples of {BLOCK_PX}",
        "mean": str(MEAN),
    },
    "paper": {
        "input": f"RGB 0 to 1, less {MEAN_RGB}; sizes multiples of {BLOCK_PX}",
        "mean": ", ".join(map(str, MEAN_RGB)),
    },
}
"""Header entries that describe the input of each network."""


def export(config: TrainingConfig, run: Path, name: str, ladder: Mapping[str, float] | None = None) -> Path:
    """Export the best average of a run as `name` and return the file; `ladder` is the PSNR in dB of each row.

    Raises:
        ManifestError: the run was never validated, or it is of another config.
    """
    best = _best_of(config, run)
    log(f"the best average is that of step {best.step:,}: {best.scores['mean']:.3f} dB")
    tensors = {key: tensor.half().contiguous() for key, tensor in best.average.items()}
    path, partial = run / f"{name}.safetensors", run / f"{name}.partial"
    header = metadata(config, name, step=best.step, scores=best.scores)
    save_file(tensors, partial, header | ({"ladder_psnr_db": _rounded(ladder)} if ladder else {}))
    return partial.replace(path)


def _best_of(config: TrainingConfig, run: Path) -> BestAverage:
    best = load_best(run)
    if best is None:
        raise ManifestError(
            f"there is no {BEST}: nothing was validated",
            where=str(run),
            remedy="Train again with --validate-every; of a run on S3, copy the file into a local folder first.",
        )
    if best.config != config.digest():
        raise ManifestError(
            "the run is of another config", where=str(run / BEST), remedy="Give the config that it was trained with."
        )
    return best


def metadata(config: TrainingConfig, name: str, *, step: int, scores: Mapping[str, float]) -> dict[str, str]:
    """Return the header of a weights file."""
    return {
        "format": "pt",
        "network": f"superslomo-{config.network}",
        "name": name,
        "licence": LICENSE,
        **INPUT_NOTES[config.network],
        **(_notes_of_matched(config) if config.network == "matched" else {}),
        **({PRIOR_KEY: to_json(config.prior).decode()} if config.network == "guided" else {}),
        "scale": "1",
        "started_from": config.start,
        "training_config": config.digest(),
        "training_samples": str(step * config.batch),
        "validation_psnr_db": _rounded(scores),
    }


def _notes_of_matched(config: TrainingConfig) -> dict[str, str]:
    return {SCALES_KEY: str(config.num_scales), **({EDGES_KEY: "true"} if config.keeps_edges else {})}


def _rounded(scores: Mapping[str, float]) -> str:
    return json.dumps({key: round(score, 2) for key, score in scores.items()})


def read_ladder(report: Path) -> dict[str, float]:
    """Read PSNR in dB by clip and factor from a report of `slomo-batch evaluate` on these weights alone.

    Raises:
        ManifestError: it measures several methods.
    """
    scores = json.loads(report.read_text(encoding="utf-8"))["scores"]
    labels = {score["entry"]["label"] for score in scores}
    if len(labels) != 1:
        raise ManifestError(
            f"the report must measure these weights alone, got {', '.join(sorted(labels)) or 'nothing'}",
            where=str(report),
            remedy="Evaluate with --method superslomo --weights FILE.",
        )
    return {f"{Path(score['name']).stem} {score['factor']}x": score["psnr_db"] for score in scores}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run this module as a program and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m slomo_batch.training.exporting", allow_abbrev=False)
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the config of the run")
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of the run")
    parser.add_argument("name", metavar="NAME", help="the name of the weights")
    parser.add_argument(
        "report", metavar="REPORT", type=Path, nargs="?", help="a JSON report of `slomo-batch evaluate`"
    )
    return run_program(_export, parser.parse_args(arguments))


def _export(options: argparse.Namespace) -> None:
    ladder = read_ladder(options.report) if options.report else None
    written = export(read_config(options.config), options.run, options.name, ladder)
    sys.stdout.write(one_line(str(written)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
