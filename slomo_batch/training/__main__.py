"""Train: `python -m slomo_batch.training CONFIG --out FOLDER`; called again, it goes on where it stands."""

import argparse
import math
import sys
from functools import partial
from pathlib import Path

from slomo_batch.errors import SlomoError
from slomo_batch.training.config import TrainingConfig, read_config
from slomo_batch.training.loop import Pace, train
from slomo_batch.training.preparing import film_windows, photographs
from slomo_batch.training.samples import Samples
from slomo_batch.training.validation import cases, judged

FILM_STILLS_STEP = 2
"""Of every so many windows of film one still joins the photographs."""


def main(words: list[str]) -> int:
    """Train as the words say; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m slomo_batch.training", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--data", type=Path, default=Path("training-data"), help="what `make training-data` made")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--data-workers", type=int, default=1, help="processes that make samples")
    parser.add_argument("--validate-every", type=int, default=200, help="steps")
    parser.add_argument("--stop-after", type=float, default=math.inf, help="seconds, to go on another time")
    asked = parser.parse_args(words)
    try:
        config = read_config(asked.config)
        validate = partial(judged, validation=cases(asked.data), precision=config.precision)
        pace = Pace(
            threads=asked.threads,
            data_workers=asked.data_workers,
            validate_every=asked.validate_every,
            stop_after_s=asked.stop_after,
        )
        train(config, _samples(config, asked.data), asked.out, pace, validate)
    except SlomoError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _samples(config: TrainingConfig, folder: Path) -> Samples:
    film = film_windows(folder, "film-train")
    stills = [window[0] for window in film[::FILM_STILLS_STEP]]
    return Samples([*photographs(folder, held_out=False), *stills], film, config.samples, seed=config.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
