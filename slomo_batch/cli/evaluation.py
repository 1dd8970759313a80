"""The commands `evaluate` and `compare`. Importing this module loads nothing heavy."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from slomo_batch.cli.arguments import MAX_THREADS, Commands, add_command, file_path, integer, not_empty
from slomo_batch.cli.status_line import StatusLine
from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.datasets.known import DATASETS, detect_dataset
from slomo_batch.interpolators.registry import method_names
from slomo_batch.sanitize import one_line, sanitize_json
from slomo_batch.settings import Precision

if TYPE_CHECKING:
    from slomo_batch.evaluation.collector import FrameCollector
    from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb
    from slomo_batch.evaluation.flip import Flip
    from slomo_batch.evaluation.lpips import Lpips
    from slomo_batch.evaluation.methods import OpenMethod
    from slomo_batch.evaluation.report import FrameScore, Report


MAX_LEVELS = 8
"""Largest value of --levels: each level halves the picture."""
LADDER = {"factors": [2], "skip": 20, "frames": 17, "max_width": None, "cuts": "ignore"}
"""The defaults of `evaluate` for clips."""
COMPARISON = {"factors": [2], "skip": 0, "frames": 121, "max_width": None, "cuts": "hold"}
"""The defaults of `compare`."""


def add_evaluation_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_evaluate(commands)
    _add_compare(commands)


def _add_evaluate(commands: Commands) -> None:
    summary = "measure interpolation methods against the true frames of clips or of a public data set"
    parser = add_command(commands, "evaluate", summary, _evaluate)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        type=not_empty,
        nargs="+",
        help="video files or s3:// URIs; or one folder with a data set in its published layout",
    )
    _add_methods(parser, "--method")
    parser.set_defaults(page=None)
    _add_ladder(parser, LADDER, with_factors=True)
    sets = parser.add_argument_group("data sets")
    names = ", ".join(DATASETS)
    sets.add_argument(
        "--layout",
        metavar="NAME",
        choices=DATASETS,
        help=f"the data set, if it is not recognized from the folder: {names}",
    )
    sets.add_argument("--cases", metavar="N", type=integer(1), help="use at most N cases of each part, evenly spaced")
    _add_answer(parser)


def _add_compare(commands: Commands) -> None:
    summary = "remove every second frame of a video, and measure how well each method predicts it"
    parser = add_command(commands, "compare", summary, _evaluate)
    parser.add_argument("inputs", metavar="IN", type=not_empty, nargs=1, help="a video file or an s3:// URI")
    parser.set_defaults(layout=None, cases=None)
    _add_methods(parser, "--methods")
    _add_ladder(parser, COMPARISON, with_factors=False)
    _add_answer(parser).add_argument(
        "--page",
        metavar="FILE",
        type=page_file,
        help="write a page for a browser that shows the frames of the methods side by side, as .html",
    )


def _add_methods(parser: argparse.ArgumentParser, flag: str) -> None:
    methods = method_names()
    group = parser.add_argument_group("methods")
    group.add_argument(
        flag,
        dest="methods",
        metavar="METHOD",
        choices=methods,
        nargs="+",
        default=methods,
        help=f"the methods to measure: {', '.join(methods)} (default: all)",
    )
    group.add_argument(
        "--weights",
        metavar="NAME",
        nargs="+",
        default=["compact"],
        help="weights of each method that has some: shipped names, paths or URIs (default: compact)",
    )
    group.add_argument("--levels", metavar="N", type=integer(1, MAX_LEVELS), help="pyramid levels of the network")
    group.add_argument(
        "--precision",
        choices=("auto", *get_args(Precision)),
        default="auto",
        help="precision of the network (default: auto)",
    )
    group.add_argument(
        "--threads",
        metavar="N",
        type=integer(1, MAX_THREADS),
        default=1,
        help="CPU threads of the network (default: 1)",
    )


def _add_ladder(parser: argparse.ArgumentParser, defaults: dict[str, Any], *, with_factors: bool) -> None:
    """Add the options for clips. Each is None unless it is given."""
    parser.set_defaults(factors=None, ladder=defaults)
    group = parser.add_argument_group("clips")
    if with_factors:
        group.add_argument(
            "--factor",
            dest="factors",
            metavar="K",
            type=integer(2),
            nargs="+",
            help="keep every K-th frame and predict the others (default: 2)",
        )
    group.add_argument(
        "--skip", metavar="N", type=integer(0), help=f"skip the first N frames (default: {defaults['skip']})"
    )
    group.add_argument(
        "--frames",
        metavar="N",
        type=integer(0),
        help=f"use N frames after that; 0 uses all (default: {defaults['frames']})",
    )
    group.add_argument(
        "--max-width",
        metavar="PX",
        type=integer(16),
        help="reduce wider pictures by averaging whole blocks of pixels",
    )
    group.add_argument(
        "--cuts",
        choices=("hold", "ignore", "exclude"),
        help="at scene cuts and repeated frames: hold the nearest frame, as a job does; ignore them and interpolate; "
        f"or exclude pairs across a cut (default: {defaults['cuts']})",
    )


def _add_answer(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("results")
    group.add_argument(
        "--lpips",
        metavar="FILE",
        nargs="+",
        type=file_path,
        help="also measure perceptual distance: st-lpips, whose weights are in the package stlpips-pytorch; or LPIPS, "
        "with files of the weights of AlexNet and of LPIPS",
    )
    group.add_argument("--flip", action="store_true", help="also measure FLIP; needs the package flip-evaluator")
    group.add_argument(
        "--write",
        dest="files",
        metavar="FILE",
        type=_report_file,
        action="append",
        default=[],
        help="write the results to a .json file, with every frame, or to a .parquet file; repeatable",
    )
    group.add_argument(
        "--worst",
        metavar="FOLDER",
        type=_pictures_folder,
        help="write the ten worst frames of each method as pictures, with a page index.md that shows them",
    )
    group.add_argument(
        "--json", action="store_true", help="print one JSON object to standard output instead of a table"
    )
    return group


def _report_file(text: str) -> Path:
    return _file_of_kind(text, ".json", ".parquet")


def page_file(text: str) -> Path:
    """Parse the name of a page to write."""
    return _file_of_kind(text, ".html")


def _file_of_kind(text: str, *suffixes: str) -> Path:
    path = Path(text)
    if path.suffix not in suffixes:
        raise argparse.ArgumentTypeError(f"the name must end in {' or '.join(suffixes)}, got {text!r}")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"no such folder: {path.absolute().parent}")
    return path


def _pictures_folder(text: str) -> Path:
    path = file_path(text).absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"not a writable folder: {there}")
    return path


# ---- running ---------------------------------------------------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:
    from slomo_batch.evaluation.compare_page import PageFrames, compare_page  # noqa: PLC0415 loads torch
    from slomo_batch.evaluation.tables import format_tables  # noqa: PLC0415
    from slomo_batch.evaluation.worst_frames import WorstFrames  # noqa: PLC0415
    from slomo_batch.serialization import to_json  # noqa: PLC0415

    folder = _folder(options)
    worst = WorstFrames() if options.worst else None
    frames = PageFrames() if options.page else None
    progress = _EvaluationProgress()
    collectors = [progress, *(collector for collector in (worst, frames) if collector is not None)]
    report = (
        _of_clips(options, collectors, progress) if folder is None else _of_set(options, folder, collectors, progress)
    )
    progress.clear()
    for path in options.files:
        _write_report(path, report)
    for line in [sanitize_json(to_json(report).decode())] if options.json else map(one_line, format_tables(report)):
        sys.stdout.write(line + "\n")
    if worst:
        worst.write(options.worst)
    if frames:
        write_file(options.page, compare_page(report, frames).encode())
        progress.write(f"page: {options.page}")
    return 0


def _folder(options: argparse.Namespace) -> Path | None:
    """Return the folder of the data set; None if the inputs are clips."""
    folders = [Path(place) for place in options.inputs if _is_folder(place)]
    if not folders:
        for flag in ("layout", "cases"):
            if getattr(options, flag) is not None:
                raise ManifestError(f"--{flag} requires a data set folder", where=options.inputs[0])
        return None
    if len(options.inputs) > 1:
        raise ManifestError("a data set folder must be the only input", where=str(folders[0]))
    given = [name for name in options.ladder if getattr(options, name) is not None]
    if given:
        flag = "factor" if given[0] == "factors" else given[0].replace("_", "-")
        raise ManifestError(f"--{flag} is not supported for data sets, whose protocol is fixed", where=str(folders[0]))
    return folders[0]


def _is_folder(place: str) -> bool:
    try:
        return Path(place).is_dir()
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}", where=place) from error


def _of_clips(
    options: argparse.Namespace, collectors: "Sequence[FrameCollector]", progress: "_EvaluationProgress"
) -> "Report":
    from slomo_batch.evaluation.evaluate import evaluate_clips  # noqa: PLC0415
    from slomo_batch.evaluation.report import ClipProtocol  # noqa: PLC0415

    said = {name: getattr(options, name) for name in options.ladder if getattr(options, name) is not None}
    asked = {**options.ladder, **said}
    protocol = ClipProtocol(
        skip=asked["skip"],
        frames=asked["frames"] or None,
        max_width=asked["max_width"],
        factors=tuple(asked["factors"]),
        cuts=asked["cuts"],
    )
    return evaluate_clips(
        options.inputs,
        _methods(options),
        protocol,
        lpips=_lpips(options),
        flip=_flip(options),
        collectors=collectors,
        on_progress=progress.write,
    )


def _of_set(
    options: argparse.Namespace, folder: Path, collectors: "Sequence[FrameCollector]", progress: "_EvaluationProgress"
) -> "Report":
    from slomo_batch.evaluation.evaluate import evaluate_dataset  # noqa: PLC0415

    dataset = DATASETS[options.layout] if options.layout else detect_dataset(folder)
    return evaluate_dataset(
        folder,
        dataset,
        _methods(options),
        num_cases=options.cases,
        lpips=_lpips(options),
        flip=_flip(options),
        collectors=collectors,
        on_progress=progress.write,
    )


def _methods(options: argparse.Namespace) -> "list[OpenMethod]":
    from slomo_batch.evaluation.methods import OpenMethod, method_choices  # noqa: PLC0415
    from slomo_batch.interpolators.device import supported_precision  # noqa: PLC0415

    precision = supported_precision() if options.precision == "auto" else options.precision
    return [
        OpenMethod(named, precision=precision, threads=options.threads)
        for named in method_choices(options.methods, options.weights, options.levels)
    ]


def _lpips(options: argparse.Namespace) -> "Lpips | None":
    from slomo_batch.evaluation.lpips import load_lpips  # noqa: PLC0415

    return load_lpips(options.lpips) if options.lpips else None


def _flip(options: argparse.Namespace) -> "Flip | None":
    from slomo_batch.evaluation.flip import Flip  # noqa: PLC0415

    return Flip() if options.flip else None


class _EvaluationProgress:
    """Writes lines to standard error, and on a terminal below them how many frames were measured; a FrameCollector."""

    def __init__(self) -> None:
        self._status = StatusLine()
        self._num_frames = 0

    def write(self, line: str) -> None:
        """Write a line that remains."""
        self._status.write(line)

    def add(self, label: str, row: str, pair: "EvalPair", made: "Rgb", score: "FrameScore") -> None:  # noqa: ARG002 of the protocol
        """Count a predicted frame."""
        self._num_frames += 1
        self._status.show(f"{self._num_frames:,} predicted frames measured")

    def clear(self) -> None:
        """Remove the count."""
        self._status.clear()


def _write_report(path: Path, found: "Report") -> None:
    from slomo_batch.evaluation.report import score_rows  # noqa: PLC0415
    from slomo_batch.evaluation.scores_table import scores_parquet  # noqa: PLC0415 loads pyarrow
    from slomo_batch.serialization import to_json  # noqa: PLC0415

    write_file(path, to_json(found) if path.suffix == ".json" else scores_parquet(score_rows(found)))


def write_file(path: Path, data: bytes) -> None:
    """Write a file that an option names.

    Raises:
        ManifestError: it cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ManifestError(f"cannot be written: {error.strerror}", where=str(path)) from error
